import MediaPrimitives
import RTP

/// What one encoding of a synthetic camera looks like.
package struct VideoShape: Sendable {
    package var width: UInt16 = 1_280
    package var height: UInt16 = 720
    package var frameInterval = Interval.microseconds(33_333)
    package var packetsPerFrame = 4
    package var packetsPerKeyframe = 8
    /// Bytes of payload in each packet.
    package var packetLength = 800
    package var codec = Codec.vp8
    /// Layers in one stream (VP9 and AV1).
    package var spatialLayers = 1
    package var temporalLayers = 1
    /// Spatial layers refer to each other in keyframes only, as in L3T3_KEY. Those of AV1 always do.
    package var isKeySVC = false
    /// The time over which a frame's packets are spread; zero for a burst.
    package var spread = Interval.zero
    /// Bits of payload in a second that an encoder aims at, whose frames vary; nil for frames that are all alike.
    package var bitrate: Int?

    package init() {}
    package init(width: UInt16, height: UInt16, packetsPerFrame: Int, packetLength: Int = 800) {
        self.width = width
        self.height = height
        self.packetLength = packetLength
        self.packetsPerFrame = packetsPerFrame
        packetsPerKeyframe = 2 * packetsPerFrame
    }

    /// The usual three rungs of a browser's simulcast, lowest first.
    package static let rungs = [
        VideoShape(width: 320, height: 180, packetsPerFrame: 1), VideoShape(width: 640, height: 360, packetsPerFrame: 2),
        VideoShape(width: 1_280, height: 720, packetsPerFrame: 4),
    ]
}

extension VideoShape {
    /// The layer of the frame that comes so many after a keyframe.
    func temporalID(of distance: UInt32) -> UInt8 {
        switch temporalLayers {
        case 2: UInt8(distance & 1)
        case 3: [0, 2, 1, 2][Int(distance & 3)]
        default: 0
        }
    }

    /// The layer of a picture's packet: each has about twice as many as the one below.
    func spatialID(of index: Int, among count: Int) -> UInt8 {
        let layers = min(spatialLayers, count)
        // The lower ones first, so that none is empty.
        var left = count
        var at = 0
        for layer in 0..<layers {
            let above = (1 << (layers - layer)) - 1
            let share = layer == layers - 1 ? left : max(1, min(left - (layers - layer - 1), left / above))
            at += share
            left -= share
            if index < at { return UInt8(layer) }
        }
        return UInt8(layers - 1)
    }

    /// The same, and whether the packet is the first and the last of its layer.
    func layer(of index: Int, among count: Int) -> (spatialID: UInt8, starts: Bool, ends: Bool) {
        let layer = spatialID(of: index, among: count)
        return (
            layer, index == 0 || spatialID(of: index - 1, among: count) != layer,
            index == count - 1 || spatialID(of: index + 1, among: count) != layer
        )
    }

    /// Each layer is twice as wide and high as the one below.
    func size(ofSpatialLayer layer: Int) -> (width: UInt16, height: UInt16) {
        (width >> UInt16(spatialLayers - 1 - layer), height >> UInt16(spatialLayers - 1 - layer))
    }

    /// Of payload, keyframes aside.
    package var bitsPerSecond: Int {
        Int(Int64(packetsPerFrame * packetLength * 8) * 1_000_000_000 / max(1, frameInterval.nanoseconds))
    }
}
