"""What each browser can do with video, and why it cannot do the rest: no pair of them is left out in silence."""

VIDEO = ("VP8", "H264", "VP9", "AV1")

# What a browser neither sends nor receives here, and why. `test_codecs.py` holds this against what the browser says of itself.
LACKS = {
    "chromium": {},
    "firefox": {"H264": "Firefox has it from OpenH264, a plug-in of Mozilla's server; FFmpeg's libraries do not stand in for it in calls"},
}

ABILITIES = """(() => {
  const names = side => [...new Set(side.getCapabilities('video').codecs.map(codec => codec.mimeType.split('/')[1]))];
  return { sends: names(RTCRtpSender), receives: names(RTCRtpReceiver) };
})()"""


def can(browser, codec):
    return codec not in LACKS[browser]


async def abilities(page):
    """The codecs of `VIDEO` that a page's browser sends, and those that it receives."""
    said = await page.run(ABILITIES)
    return [{codec for codec in VIDEO if codec in said[side]} for side in ("sends", "receives")]
