extension String {
    /// As much of it as so many bytes of UTF-8 hold, in whole characters.
    func prefix(bytes limit: Int) -> String {
        var (end, left) = (startIndex, limit)
        while end < endIndex, self[end].utf8.count <= left {
            left -= self[end].utf8.count
            end = index(after: end)
        }
        return String(self[..<end])
    }
}
