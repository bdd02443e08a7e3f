import HTTPTypes
import Hummingbird
import WebApp

/// The pages that the server carries, and nothing from anywhere else. Each has a tag of its bytes (FNV-1a), which says whether it is another one.
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
            for file in WebApp.files { add(file.path, file.type, file.bytes, to: router) }
        } else {
            add("/", "text/html; charset=utf-8", Array(Pages.index.utf8), to: router)
        }
        for file in files { add(file.path, file.type, Array(file.text.utf8), to: router) }
    }

    /// A browser that has the file is told so: it asks each time, and is sent what is new.
    private static func add(_ path: String, _ type: String, _ bytes: [UInt8], to router: Router<ServerContext>) {
        let body = ByteBuffer(bytes: bytes)
        let tag = "\"\(String(bytes.reduce(14_695_981_039_346_656_037 as UInt64) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }, radix: 16))\""
        router.get(RouterPath(path)) { request, _ in
            var headers = headers
            headers[.eTag] = tag
            if request.headers[.ifNoneMatch] == tag { return Response(status: .notModified, headers: headers) }
            headers[.contentType] = type
            return Response(status: .ok, headers: headers, body: .init(byteBuffer: body))
        }
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name(known: "Referrer-Policy")
}
