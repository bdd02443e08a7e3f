// What a person would see and hear on the web app's page, read from the page itself. Defines `window.probe`.
window.probe = {
  all: name => [...document.querySelectorAll(`[data-testid=${name}]`)],
  find: name => document.querySelector(`[data-testid=${name}]`),

  click(name) { this.find(name).click(); },

  fill(name, text) {
    const input = this.find(name);
    input.focus();
    input.value = text;
    input.dispatchEvent(new Event('input', { bubbles: true }));
    input.dispatchEvent(new Event('change', { bubbles: true }));
  },

  isShown(name) {
    const element = this.find(name);
    return Boolean(element) && element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  },

  hasPreview() {
    const preview = this.find('preview');
    return Boolean(preview?.srcObject) && preview.readyState >= 2;
  },

  me() { return window.apus.participants().find(person => person.isMe)?.identity ?? null; },

  box(element) {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return { left, top, right, bottom };
  },

  // {identity: what its tile says}
  tiles() {
    return Object.fromEntries(this.all('tile').map(tile => {
      const { identity, speaking, muted, cameraOff, quality } = tile.dataset;
      return [identity, { speaking, muted, cameraOff, quality, text: tile.innerText.trim(), box: this.box(tile) }];
    }));
  },

  // The picture of each tile, or of each shared screen, as 16 × 9 brightnesses (0 to 255); null while there is none.
  pictures(name = 'tile') {
    const canvas = document.createElement('canvas');
    canvas.width = 16;
    canvas.height = 9;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    return Object.fromEntries(this.all(name).map(tile => {
      const video = tile.querySelector('video');
      if (!video?.videoWidth || video.readyState < 2) return [tile.dataset.identity, null];
      context.drawImage(video, 0, 0, 16, 9);
      const pixels = context.getImageData(0, 0, 16, 9).data;
      const brightness = [];
      for (let i = 0; i < pixels.length; i += 4) brightness.push((pixels[i] * 3 + pixels[i + 1] * 6 + pixels[i + 2]) / 10);
      return [tile.dataset.identity, brightness];
    }));
  },

  // What arrives from the others and is played: by identity the frames decoded, by track the energy of the sound.
  async arrives() {
    const report = [...((await window.apus.pc?.getStats()) ?? new Map()).values()].filter(entry => entry.type === 'inbound-rtp');
    const played = element => (element.paused ? [] : element.srcObject?.getTracks() ?? [])
      .map(track => report.find(entry => entry.trackIdentifier === track.id)).filter(Boolean);
    const found = { frames: {}, energy: {} };
    for (const tile of this.all('tile')) {
      if (tile.dataset.identity === this.me()) continue;
      const picture = [...tile.querySelectorAll('video')].flatMap(played).find(entry => entry.kind === 'video');
      found.frames[tile.dataset.identity] = picture?.framesDecoded ?? 0;
    }
    // A sound may be played by an element that is nowhere in the document.
    for (const element of new Set([...window.players, ...document.querySelectorAll('video, audio')])) {
      if (element.muted || !element.volume) continue;
      for (const entry of played(element)) if (entry.kind === 'audio') found.energy[entry.trackIdentifier] = entry.totalAudioEnergy ?? 0;
    }
    return found;
  },

  // The codec of the sound that is sent, as audio/red; null while none is. The statistics name what is inside of it.
  soundCodec() {
    const sender = window.apus.pc?.getSenders().find(sender => sender.track?.kind === 'audio');
    return sender?.getParameters().codecs[0]?.mimeType ?? null;
  },

  // The layers of the picture that is sent, by their rids: the frames of each, so far.
  async sends() {
    const report = [...((await window.apus.pc?.getStats()) ?? new Map()).values()];
    const layers = report.filter(entry => entry.type === 'outbound-rtp' && entry.kind === 'video');
    return Object.fromEntries(layers.map(({ rid = '', framesSent = 0 }) => [rid, framesSent]));
  },

  // Why a picture may be missing: of each tile the element that should show it, and what has arrived for it.
  async lacks() {
    const report = [...((await window.apus.pc?.getStats()) ?? new Map()).values()].filter(entry => entry.type === 'inbound-rtp');
    return Object.fromEntries(this.all('tile').map(tile => {
      const video = tile.querySelector('video'), track = video?.srcObject?.getVideoTracks()[0];
      const { mid, ssrc, packetsReceived, framesReceived, framesDecoded, keyFramesDecoded, pliCount, nackCount, decoderImplementation } =
        report.find(entry => entry.trackIdentifier === track?.id) ?? {};
      return [tile.dataset.identity, {
        element: video && { readyState: video.readyState, paused: video.paused, width: video.videoWidth, muted: track?.muted },
        arrived: { mid, ssrc, packetsReceived, framesReceived, framesDecoded, keyFramesDecoded, pliCount, nackCount, decoderImplementation },
      }];
    }));
  },

  // Marks the connection of now; `isNew()` tells whether there has been another since.
  remember() { this.pc = window.apus.pc; },
  isNew() { return Boolean(window.apus.pc) && window.apus.pc !== this.pc && window.apus.state === 'connected'; },

  // Everything that can be read on the page.
  words: () => document.body.innerText,
};
