// What a person would see of the call on an Apus page, read from the page itself. Defines `window.bench`.
window.bench = {
  // getStats() boiled down: sums over inbound and outbound streams by kind, and the transport.
  async stats() {
    const report = [...(await window.apus.pc.getStats()).values()];
    const sum = (entries, field) => entries.reduce((total, entry) => total + (entry[field] || 0), 0);
    const most = (entries, field) => entries.reduce((most, entry) => Math.max(most, entry[field] || 0), 0);
    const inbound = kind => report.filter(e => e.type === 'inbound-rtp' && e.kind === kind);
    const outbound = kind => report.filter(e => e.type === 'outbound-rtp' && e.kind === kind);
    const codecs = new Map(report.filter(e => e.type === 'codec').map(e => [e.id, e.mimeType]));
    const video = inbound('video'), audio = inbound('audio');
    const transport = report.find(e => e.type === 'transport') || {};
    return {
      at: performance.now(),
      video: {
        framesDecoded: sum(video, 'framesDecoded'), keyFramesDecoded: sum(video, 'keyFramesDecoded'),
        freezeCount: sum(video, 'freezeCount'), totalFreezesDuration: sum(video, 'totalFreezesDuration'),
        frameWidth: most(video, 'frameWidth'), frameHeight: most(video, 'frameHeight'),
        packetsLost: sum(video, 'packetsLost'), packetsReceived: sum(video, 'packetsReceived'),
        bytesReceived: sum(video, 'bytesReceived'), nackCount: sum(video, 'nackCount'), pliCount: sum(video, 'pliCount'),
        retransmittedPacketsReceived: sum(video, 'retransmittedPacketsReceived'),
        retransmittedBytesReceived: sum(video, 'retransmittedBytesReceived'),
        codec: codecs.get((video.find(e => e.codecId) || {}).codecId) || null,
      },
      audio: {
        bytesReceived: sum(audio, 'bytesReceived'), packetsLost: sum(audio, 'packetsLost'),
        totalAudioEnergy: sum(audio, 'totalAudioEnergy'), concealedSamples: sum(audio, 'concealedSamples'),
      },
      sent: {
        framesEncoded: sum(outbound('video'), 'framesEncoded'), bytesSent: sum(outbound('video'), 'bytesSent'),
        nackCount: sum(outbound('video'), 'nackCount'), pliCount: sum(outbound('video'), 'pliCount'),
        layers: outbound('video').map(e => ({ rid: e.rid || null, width: e.frameWidth || 0, frames: e.framesEncoded || 0, active: e.active })),
        codec: codecs.get((outbound('video').find(e => e.codecId) || {}).codecId) || null,
      },
      transport: {
        srtpCipher: transport.srtpCipher || null, dtlsState: transport.dtlsState || null,
        dtlsCipher: transport.dtlsCipher || null, tlsVersion: transport.tlsVersion || null,
      },
    };
  },

  // The picture as 16 x 9 colours, red, green and blue one after another (0 to 255); null while there is none. Not brightnesses: Firefox's test picture
  // goes from colour to colour, some of which are equally bright.
  look() {
    const video = document.querySelector('[data-testid=video]');
    if (!video || !video.videoWidth || video.readyState < 2) return null;
    const canvas = document.createElement('canvas');
    canvas.width = 16;
    canvas.height = 9;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(video, 0, 0, 16, 9);
    const pixels = context.getImageData(0, 0, 16, 9).data;
    return Array.from(pixels.filter((_, place) => place % 4 < 3));
  },

  // Starts and stops layers of the picture that is sent: {rid: whether it is sent}.
  async layers(active) {
    const sender = window.apus.pc.getSenders().find(sender => sender.track && sender.track.kind === 'video');
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.active = active[encoding.rid];
    await sender.setParameters(parameters);
  },

  // Bounds the bit rates of layers of the picture that is sent: {rid: bits per second}.
  async limit(rates) {
    const sender = window.apus.pc.getSenders().find(sender => sender.track && sender.track.kind === 'video');
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.maxBitrate = rates[encoding.rid] ?? encoding.maxBitrate;
    await sender.setParameters(parameters);
  },

  // Watches the picture's freezes from now on, and how late the page's own timer comes: a page that is not served cannot be trusted.
  watchFreezes() {
    const begin = performance.now(), every = 100;
    const watch = this.freezes = { each: [], lateness: 0 };
    let last = begin, known = null;
    setInterval(async () => {
      const now = performance.now();
      watch.lateness = Math.max(watch.lateness, (now - last - every) / 1000);
      last = now;
      const { freezeCount: count, totalFreezesDuration: duration } = (await this.stats()).video;
      if (known && count > known.count) {
        const length = duration - known.duration;
        watch.each.push({ from: (now - begin) / 1000 - length, length, count: count - known.count });
      }
      known = { count, duration };
    }, every);
  },
};

// A WHIP or WHEP session of the test's own, for what the pages do not do. Sets `window.apus.pc` as the pages do.
window.bench.session = {
  // `leftOut` names an encoding that the server is not offered.
  async start(kind, room, token, leftOut = null) {
    const pc = new RTCPeerConnection();
    window.apus = { pc, state: 'connecting', error: null };
    this.authorization = 'Bearer ' + token;
    const video = document.createElement('video');
    video.dataset.testid = 'video';
    video.muted = video.autoplay = true;
    document.body.append(video);
    if (kind === 'whip') {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 }, audio: true });
      for (const track of stream.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    } else {
      video.srcObject = new MediaStream();
      pc.ontrack = event => video.srcObject.addTrack(event.track);
      for (const media of ['video', 'audio']) pc.addTransceiver(media, { direction: 'recvonly' });
    }
    await pc.setLocalDescription();
    const body = leftOut ? this.without(pc.localDescription.sdp, leftOut) : pc.localDescription.sdp;
    const response = await fetch(`/${kind}/${room}`, {
      method: 'POST', body, headers: { 'Content-Type': 'application/sdp', Authorization: this.authorization },
    });
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    this.resource = new URL(response.headers.get('Location'), response.url);
    this.etag = response.headers.get('ETag');
    await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
  },

  // `sdp` without the payload types of one encoding.
  without(sdp, encoding) {
    const types = new Set([...sdp.matchAll(new RegExp(`a=rtpmap:(\\d+) ${encoding}/`, 'g'))].map(match => match[1]));
    const rest = line => (line.startsWith('m=') ? line.split(' ').filter((word, place) => place < 3 || !types.has(word)).join(' ') : line);
    const isOthers = line => !types.has((line.match(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) /) || [])[1]);
    return sdp.split('\r\n').filter(isOthers).map(rest).join('\r\n');
  },

  patch(fragment, tag) {
    return fetch(this.resource, {
      method: 'PATCH', body: fragment,
      headers: { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': tag, Authorization: this.authorization },
    });
  },

  // RFC 9725 section 4.3.3: new credentials in a fragment with If-Match "*"; the answer's credentials replace the server's.
  async restart() {
    const pc = window.apus.pc;
    pc.restartIce();
    const offer = await pc.createOffer();
    const line = name => offer.sdp.match(new RegExp(`a=${name}:.*`))[0];
    const media = offer.sdp.match(/m=(\w+) /)[1];
    const fragment = [
      line('group'), `m=${media} 9 UDP/TLS/RTP/SAVPF 0`, line('mid'), line('ice-ufrag'), line('ice-pwd'), 'a=end-of-candidates', '',
    ].join('\r\n');
    const response = await this.patch(fragment, '*');
    const text = await response.text();
    if (response.status !== 200) throw new Error(`PATCH: ${response.status} ${text}`);
    this.etag = response.headers.get('ETag');
    const old = pc.remoteDescription.sdp;
    await pc.setLocalDescription(offer);
    const answer = ['ice-ufrag', 'ice-pwd'].reduce(
      (sdp, name) => sdp.replace(new RegExp(`a=${name}:.*`, 'g'), text.match(new RegExp(`a=${name}:[^\\r\\n]*`))[0]), old);
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    return response.status;
  },
};
