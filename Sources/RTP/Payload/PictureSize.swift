import MediaPrimitives

/// The size of the picture in pixels, as the headers before a key frame tell it: for comparing layers, so rare forms may go unread.
enum PictureSize {
    /// From a sequence parameter set (H.264 §7.3.2.1.1); `range` is what follows the NAL unit's header. nil where it is cut short, or has
    /// scaling matrices, which no encoder for calls sends.
    static func ofParameterSet(_ bytes: RawSpan, in range: Range<Int>) -> (width: UInt16, height: UInt16)? {
        var reader = BitReader(range, emulationPrevention: true)
        let profile = reader.bits(8, of: bytes)
        _ = reader.bits(16, of: bytes)
        reader.golomb(of: bytes)  // seq_parameter_set_id
        var chroma: UInt32 = 1
        switch profile {
        case 44, 83, 86, 100, 110, 118, 122, 128, 244:
            chroma = reader.golomb(of: bytes)
            if chroma == 3 { _ = reader.flag(of: bytes) }
            reader.golomb(of: bytes)  // bit_depth_luma_minus8
            reader.golomb(of: bytes)  // bit_depth_chroma_minus8
            _ = reader.flag(of: bytes)
            if reader.flag(of: bytes) { return nil }
        default: break
        }
        reader.golomb(of: bytes)  // log2_max_frame_num_minus4
        switch reader.golomb(of: bytes) {  // pic_order_cnt_type
        case 0: reader.golomb(of: bytes)
        case 1:
            _ = reader.flag(of: bytes)
            reader.golomb(of: bytes)
            reader.golomb(of: bytes)
            let cycle = reader.golomb(of: bytes)
            guard cycle <= 255 else { return nil }
            for _ in 0..<cycle { reader.golomb(of: bytes) }
        default: break
        }
        reader.golomb(of: bytes)  // max_num_ref_frames
        _ = reader.flag(of: bytes)
        let columns = Int(reader.golomb(of: bytes)) &+ 1
        let rows = Int(reader.golomb(of: bytes)) &+ 1
        let fields = reader.flag(of: bytes) ? 1 : 2
        if fields == 2 { _ = reader.flag(of: bytes) }
        _ = reader.flag(of: bytes)
        var width = columns &* 16
        var height = rows &* 16 &* fields
        if reader.flag(of: bytes) {
            let sides = Int(reader.golomb(of: bytes)) &+ Int(reader.golomb(of: bytes))
            let ends = Int(reader.golomb(of: bytes)) &+ Int(reader.golomb(of: bytes))
            width = width &- sides &* (chroma == 1 || chroma == 2 ? 2 : 1)
            height = height &- ends &* fields &* (chroma == 1 ? 2 : 1)
        }
        return reader.hasOverrun ? nil : size(width, height)
    }

    /// From a sequence header (AV1 specification §5.5.1); `range` is what follows the OBU's header. The largest of its layers. nil where it is
    /// cut short, or has timing information, which no encoder for calls sends.
    static func ofSequenceHeader(_ bytes: RawSpan, in range: Range<Int>) -> (width: UInt16, height: UInt16)? {
        var reader = BitReader(range)
        _ = reader.bits(4, of: bytes)
        if reader.flag(of: bytes) {  // reduced_still_picture_header
            _ = reader.bits(5, of: bytes)
        } else {
            if reader.flag(of: bytes) { return nil }
            let hasDisplayDelay = reader.flag(of: bytes)
            for _ in 0...reader.bits(5, of: bytes) {
                _ = reader.bits(12, of: bytes)
                if reader.bits(5, of: bytes) > 7 { _ = reader.flag(of: bytes) }
                if hasDisplayDelay, reader.flag(of: bytes) { _ = reader.bits(4, of: bytes) }
            }
        }
        let widthBits = Int(reader.bits(4, of: bytes)) &+ 1
        let heightBits = Int(reader.bits(4, of: bytes)) &+ 1
        let width = Int(reader.bits(widthBits, of: bytes)) &+ 1
        let height = Int(reader.bits(heightBits, of: bytes)) &+ 1
        return reader.hasOverrun ? nil : size(width, height)
    }

    private static func size(_ width: Int, _ height: Int) -> (width: UInt16, height: UInt16)? {
        guard width > 0, height > 0, let width = UInt16(exactly: width), let height = UInt16(exactly: height) else { return nil }
        return (width, height)
    }
}
