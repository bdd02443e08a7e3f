/// The texts of the pages, each in a file of its own; they are part of the binary.
enum Pages {
    static let index = page(
        title: "Apus", script: nil,
        body: """
            <p>This media server is running; its web app is turned off.</p>
            <ul>
            <li><a href="/publish">Publish</a> a camera and a microphone into a room.</li>
            <li><a href="/watch">Watch</a> whoever publishes in a room.</li>
            </ul>
            <p>Both need a room and an access token; <code>apus serve --dev</code> prints links that have them.</p>
            """)

    static func page(title: String, script: String?, body: String) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(title)</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/assets/style.css">
        \(script.map { "<script type=\"module\" src=\"\($0)\"></script>" } ?? "")
        </head>
        <body>
        <main>
        <h1>\(title)</h1>
        \(body)
        </main>
        </body>
        </html>

        """
    }

    static let style = """
        :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
        body { margin: 0; }
        main { max-width: 44rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
        h1 { font-size: 1.5rem; margin: 0 0 1rem; }
        video { display: block; width: 100%; aspect-ratio: 16 / 9; background: #111; border-radius: 0.5rem; }
        form { display: grid; gap: 0.75rem; margin: 1rem 0; }
        label { display: grid; gap: 0.25rem; }
        input { font: inherit; padding: 0.4rem 0.6rem; }
        button { font: inherit; padding: 0.5rem 1.25rem; margin-right: 0.5rem; border-radius: 0.4rem; border: 1px solid #8888; cursor: pointer; }
        button:disabled { cursor: default; opacity: 0.5; }
        [data-testid="status"] { min-height: 1.5rem; }
        [data-testid="status"].error { color: #c62828; font-weight: 600; }
        [hidden] { display: none; }

        """
}
