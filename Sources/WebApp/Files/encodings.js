// What a track is sent as: the layers of its picture, or one stream of sound.

const LAYERS = [
  { rid: 'q', quality: 'LOW', scale: 4, bitrate: 150_000 },
  { rid: 'h', quality: 'MEDIUM', scale: 2, bitrate: 500_000 },
  { rid: 'f', quality: 'HIGH', scale: 1, bitrate: 1_700_000 },
];
const SCREEN_BITRATE = 2_500_000;
const SMALL_BITRATE = 300_000;

// → {announcement, sendEncodings}: the part of `addTrack` that describes the picture, and what addTransceiver takes.
export function encodings(track, source) {
  if (track.kind === 'audio') return { announcement: {}, sendEncodings: [{ maxBitrate: 64_000 }] };
  const { width = 1280, height = 720 } = track.getSettings();
  const whole = { quality: 'HIGH', width, height };
  if (source !== 'CAMERA') return { announcement: { width, height, layers: [whole] }, sendEncodings: [{ maxBitrate: SCREEN_BITRATE }] };
  const short = Math.min(width, height);
  const count = short >= 480 ? 3 : short >= 240 ? 2 : 1;
  if (count === 1) return { announcement: { width, height, layers: [whole] }, sendEncodings: [{ maxBitrate: SMALL_BITRATE }] };
  // From the smallest up; two layers are the lower two, by their names as well.
  const layers = LAYERS.slice(0, count).map((layer, index) => ({
    ...layer, scale: 2 ** (count - 1 - index), bitrate: LAYERS[index + (3 - count)].bitrate * (count === 2 ? 0.6 : 1),
  }));
  return {
    announcement: {
      width, height,
      layers: layers.map(({ quality, scale }) => ({ quality, width: Math.round(width / scale), height: Math.round(height / scale) })),
    },
    sendEncodings: layers.map(({ rid, scale, bitrate }) => ({ rid, scaleResolutionDownBy: scale, maxBitrate: bitrate })),
  };
}

// Another picture in the same layers: a smaller one needs fewer of them, the upper ones, and each size has its bitrate. Of those, what somebody watches
// is sent: `watched` are the qualities, or null for all.
export async function fit(sender, track, source, watched) {
  const parameters = sender.getParameters();
  const wanted = encodings(track, source).sendEncodings;
  const count = parameters.encodings.length;
  const spare = count - wanted.length;
  // The lowest of what is left stands for those below it.
  const isWatched = index => !watched || (count === 1 || index === spare ? watched.size > 0 : watched.has(LAYERS[index].quality));
  parameters.encodings.forEach((encoding, index) => {
    encoding.active = index >= spare && isWatched(index);
    if (index === count - 1) encoding.maxBitrate = wanted.at(-1).maxBitrate;
  });
  // Before the first answer parameters are not settled yet; the picture is sent all the same.
  await sender.setParameters(parameters).catch(() => {});
}

// VP8 first: the codec whose layers every browser can send. Others stay for viewers and servers that choose otherwise.
export function preferVP8(transceiver) {
  const codecs = RTCRtpSender.getCapabilities?.('video')?.codecs ?? [];
  const first = codecs.filter(codec => codec.mimeType === 'video/VP8');
  if (!first.length || !transceiver.setCodecPreferences) return;
  transceiver.setCodecPreferences([...first, ...codecs.filter(codec => codec.mimeType !== 'video/VP8')]);
}
