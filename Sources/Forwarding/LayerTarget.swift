import MediaPrimitives

/// What a subscriber gets of a publication, or shall get: an encoding of it, and of its layers those up to a spatial and a temporal one.
package struct LayerTarget: Hashable, Sendable {
    /// Stands for all layers that there are.
    package static let highest: Int8 = 7
    /// Nothing at all: paused.
    package static let nothing = LayerTarget(encoding: -1)

    /// The encoding's index within its publication; negative for nothing.
    package var encoding: Int8
    /// 0 to 7, as with `temporal`. What is above the highest there is means that one.
    package var spatial: Int8
    package var temporal: Int8

    package init(encoding: Int8, spatial: Int8 = LayerTarget.highest, temporal: Int8 = LayerTarget.highest) {
        self.encoding = encoding
        self.spatial = max(0, min(spatial, LayerTarget.highest))
        self.temporal = max(0, min(temporal, LayerTarget.highest))
    }
}

/// How far a subscription has come with what it shall get.
package struct LayerStatus: Hashable, Sendable {
    /// Why the two differ. A closed list.
    package enum Reason: String, Sendable, CaseIterable {
        /// They do not.
        case reached
        /// Nothing is wanted.
        case paused
        /// Of the wanted encoding nothing arrives.
        case notLive
        /// A keyframe has been asked for.
        case awaitingKeyframe
        /// The keyframe has not come for so long that what there is goes on meanwhile, or the next lower encoding.
        case keyframeOverdue
        /// The temporal layer can be entered only where its pictures refer to no earlier ones of it.
        case awaitingSwitchPoint
        /// The change comes with the next picture.
        case awaitingPicture
    }

    package var target: LayerTarget
    package var current: LayerTarget
    package var reason: Reason
    /// Since when the two differ; nil where they do not, and until that was first looked at.
    package var since: Instant?
}
