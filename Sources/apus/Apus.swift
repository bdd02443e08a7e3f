import ArgumentParser
import Hummingbird
import JWTKit
import Logging
import ServiceLifecycle
import Yams

@main
struct Apus: AsyncParsableCommand {
    mutating func run() async throws {}
}
