/// An `a=` line: a name, and a value unless it is a flag (RFC 8866 §5.13).
package struct Attribute: Sendable, Hashable {
    package var name: String
    package var value: String?

    package init(_ name: String, _ value: String? = nil) {
        self.name = name
        self.value = value
    }
}

/// A part of a description that holds attributes: the session or one media section.
///
/// The typed accessors in the `Attributes+…` files read them on demand. An attribute that is not of its own grammar is passed over as if
/// it were unknown: what needs it then finds nothing, and says so.
package protocol AttributeCarrying {
    /// In the order of the text.
    var attributes: [Attribute] { get }
}

extension AttributeCarrying {
    /// The value of the first attribute with this name; nil too when that is a flag.
    package func value(of name: String) -> String? { attributes.first { $0.name == name }?.value }

    /// The values of all attributes with this name.
    package func values(of name: String) -> [String] { attributes.compactMap { $0.name == name ? $0.value : nil } }

    /// Whether there is an attribute with this name, with or without a value.
    package func has(_ name: String) -> Bool { attributes.contains { $0.name == name } }
}
