/// The files of the web app, as they are in `Files`, embedded in the binary.
package enum WebApp {
    package static var app: [UInt8] { PackageResources.app_js }
}
