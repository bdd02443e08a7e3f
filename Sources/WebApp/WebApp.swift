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
        File(path: "/app/api.js", type: script, bytes: PackageResources.api_js),
        File(path: "/app/app.js", type: script, bytes: PackageResources.app_js),
        File(path: "/app/call.js", type: script, bytes: PackageResources.call_js),
        File(path: "/app/choices.js", type: script, bytes: PackageResources.choices_js),
        File(path: "/app/devices.js", type: script, bytes: PackageResources.devices_js),
        File(path: "/app/dom.js", type: script, bytes: PackageResources.dom_js),
        File(path: "/app/encodings.js", type: script, bytes: PackageResources.encodings_js),
        File(path: "/app/grid.js", type: script, bytes: PackageResources.grid_js),
        File(path: "/app/home.js", type: script, bytes: PackageResources.home_js),
        File(path: "/", type: html, bytes: PackageResources.index_html),
        File(path: "/app/invitation.js", type: script, bytes: PackageResources.invitation_js),
        File(path: "/app/layout.js", type: script, bytes: PackageResources.layout_js),
        File(path: "/app/lobby.js", type: script, bytes: PackageResources.lobby_js),
        File(path: "/app/meter.js", type: script, bytes: PackageResources.meter_js),
        File(path: "/app/news.js", type: script, bytes: PackageResources.news_js),
        File(path: "/app/people.js", type: script, bytes: PackageResources.people_js),
        File(path: "/app/room.js", type: script, bytes: PackageResources.room_js),
        File(path: "/app/session.js", type: script, bytes: PackageResources.session_js),
        File(path: "/app/settings.js", type: script, bytes: PackageResources.settings_js),
        File(path: "/app/signal.js", type: script, bytes: PackageResources.signal_js),
        File(path: "/app/sound.js", type: script, bytes: PackageResources.sound_js),
        File(path: "/app/style.css", type: css, bytes: PackageResources.style_css),
        File(path: "/app/tile.js", type: script, bytes: PackageResources.tile_js),
    ]
}
