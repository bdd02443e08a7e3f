import MediaPrimitives

/// The size of the picture in pixels, as the headers before a key frame tell it: for comparing layers, so rare forms may go unread.
enum PictureSize {
    /// From a sequence parameter set (H.264 §7.3.2.1.1); `range` is what follows the NAL unit's header. nil where it is cut short, or has
    /// scaling matrices, which no encoder for calls sends.
    static func ofParameterSet(_ bytes: RawSpan, in range: Range<Int>) -> (width: UInt16, height: UInt16)? {
        var cursor = BitCursor(range, emulationPrevention: true)
        let profile = cursor.bits(8, of: bytes)
        _ = cursor.bits(16, of: bytes)
        cursor.golomb(of: bytes)  // seq_parameter_set_id
        var chroma: UInt32 = 1
        if [100, 110, 122, 244, 44, 83, 86, 118, 128].contains(profile) {
            chroma = cursor.golomb(of: bytes)
            if chroma == 3 { _ = cursor.bit(of: bytes) }
            cursor.golomb(of: bytes)  // bit_depth_luma_minus8
            cursor.golomb(of: bytes)  // bit_depth_chroma_minus8
            _ = cursor.bit(of: bytes)
            if cursor.bit(of: bytes) { return nil }
        }
        cursor.golomb(of: bytes)  // log2_max_frame_num_minus4
        switch cursor.golomb(of: bytes) {  // pic_order_cnt_type
        case 0: cursor.golomb(of: bytes)
        case 1:
            _ = cursor.bit(of: bytes)
            cursor.golomb(of: bytes)
            cursor.golomb(of: bytes)
            let cycle = cursor.golomb(of: bytes)
            guard cycle <= 255 else { return nil }
            for _ in 0..<cycle { cursor.golomb(of: bytes) }
        default: break
        }
        cursor.golomb(of: bytes)  // max_num_ref_frames
        _ = cursor.bit(of: bytes)
        let columns = Int(cursor.golomb(of: bytes)) &+ 1
        let rows = Int(cursor.golomb(of: bytes)) &+ 1
        let fields = cursor.bit(of: bytes) ? 1 : 2
        if fields == 2 { _ = cursor.bit(of: bytes) }
        _ = cursor.bit(of: bytes)
        var width = columns &* 16
        var height = rows &* 16 &* fields
        if cursor.bit(of: bytes) {
            let sides = Int(cursor.golomb(of: bytes)) &+ Int(cursor.golomb(of: bytes))
            let ends = Int(cursor.golomb(of: bytes)) &+ Int(cursor.golomb(of: bytes))
            width = width &- sides &* (chroma == 1 || chroma == 2 ? 2 : 1)
            height = height &- ends &* fields &* (chroma == 1 ? 2 : 1)
        }
        return cursor.isWhole ? size(width, height) : nil
    }

    /// From a sequence header (AV1 specification §5.5.1); `range` is what follows the OBU's header. The largest of its layers. nil where it is
    /// cut short, or has timing information, which no encoder for calls sends.
    static func ofSequenceHeader(_ bytes: RawSpan, in range: Range<Int>) -> (width: UInt16, height: UInt16)? {
        var cursor = BitCursor(range)
        _ = cursor.bits(4, of: bytes)
        if cursor.bit(of: bytes) {  // reduced_still_picture_header
            _ = cursor.bits(5, of: bytes)
        } else {
            if cursor.bit(of: bytes) { return nil }
            let hasDisplayDelay = cursor.bit(of: bytes)
            for _ in 0...cursor.bits(5, of: bytes) {
                _ = cursor.bits(12, of: bytes)
                if cursor.bits(5, of: bytes) > 7 { _ = cursor.bit(of: bytes) }
                if hasDisplayDelay, cursor.bit(of: bytes) { _ = cursor.bits(4, of: bytes) }
            }
        }
        let widthBits = Int(cursor.bits(4, of: bytes)) &+ 1
        let heightBits = Int(cursor.bits(4, of: bytes)) &+ 1
        let width = Int(cursor.bits(widthBits, of: bytes)) &+ 1
        let height = Int(cursor.bits(heightBits, of: bytes)) &+ 1
        return cursor.isWhole ? size(width, height) : nil
    }

    private static func size(_ width: Int, _ height: Int) -> (width: UInt16, height: UInt16)? {
        guard width > 0, height > 0, let width = UInt16(exactly: width), let height = UInt16(exactly: height) else { return nil }
        return (width, height)
    }
}
