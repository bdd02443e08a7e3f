import HTTPTypes
import Hummingbird
import WebApp

/// The pages that the server carries, and nothing from anywhere else.
enum PageRoutes {
    private static let files: [(path: String, type: String, text: String)] = [
        ("/publish", "text/html; charset=utf-8", Pages.publish),
        ("/watch", "text/html; charset=utf-8", Pages.watch),
        ("/assets/style.css", "text/css; charset=utf-8", Pages.style),
        ("/assets/session.js", "text/javascript; charset=utf-8", Pages.sessionScript),
        ("/assets/publish.js", "text/javascript; charset=utf-8", Pages.publishScript),
        ("/assets/watch.js", "text/javascript; charset=utf-8", Pages.watchScript),
    ]

    /// No script but ours, no frame around us, and no address with a token told to others.
    private static let headers: HTTPFields = [
        .contentSecurityPolicy: """
        default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; media-src 'self' blob:; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """,
        .referrerPolicy: "no-referrer",
        .cacheControl: "no-cache",
    ]

    /// - Parameter webApp: whether `/` is the web app; else it says in a sentence what this server is
    static func add(to router: Router<ServerContext>, webApp: Bool) {
        if webApp {
            for file in WebApp.files {
                let body = ByteBuffer(bytes: file.bytes)
                router.get(RouterPath(file.path)) { _, _ in
                    var headers = headers
                    headers[.contentType] = file.type
                    return Response(status: .ok, headers: headers, body: .init(byteBuffer: body))
                }
            }
        } else {
            router.get("/") { _, _ in Response.text(Pages.index, type: "text/html; charset=utf-8", headers: headers) }
        }
        for file in files {
            router.get(RouterPath(file.path)) { _, _ in Response.text(file.text, type: file.type, headers: headers) }
        }
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name(known: "Referrer-Policy")
}
