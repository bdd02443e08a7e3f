/// Which Apus this is: what `apus --version`, the log and the metrics say. Raised by hand with each release.
package enum Version {
    package static let current = "0.1.0"
}
