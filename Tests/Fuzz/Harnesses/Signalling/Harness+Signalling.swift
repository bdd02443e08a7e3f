extension Harness {
    /// These need the packages that the core does without.
    static let signalling: [Harness] = [
        Harness("signal-json", maximumLength: 4_096, SignalHarness.runJSON),
        Harness("signal-protobuf", maximumLength: 4_096, SignalHarness.runProtobuf),
        Harness("sections", maximumLength: 512, SectionHarness.run),
    ]
}
