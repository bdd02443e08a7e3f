/// The files of the web app, as they are in `Files`, embedded in the binary.
package enum WebApp {
    /// One file: where it is served, and what it holds.
    package struct File: Sendable {
        /// From the root of the origin.
        package var path: String
        package var type: String
        package var bytes: [UInt8]
    }

    private static let html = "text/html; charset=utf-8"
    private static let css = "text/css; charset=utf-8"
    private static let script = "text/javascript; charset=utf-8"

    /// Every file; the page itself is `/`, the rest is under `/app/` by its name.
    package static let files: [File] = [
        File(path: "/", type: html, bytes: PackageResources.index_html),
        File(path: "/app/style.css", type: css, bytes: PackageResources.style_css),
        File(path: "/app/app.js", type: script, bytes: PackageResources.app_js),
    ]
}
