// A picture with layers, sent by WHIP or seen by WHEP, whose frames are encrypted between the ends where there is a key: the server sees
// headers, and nothing else that it understands. Sets `window.apus.pc` and a video element as the pages do. Defines `window.layered`.
(() => {
  const DESCRIPTOR = 'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';

  // Runs in a worker. AES-GCM over all of a frame but its first bytes, which go with it in the clear; the vector goes in front of the rest.
  function work() {
    onrtctransform = async ({ transformer }) => {
      const { raw, clear, encrypts } = transformer.options;
      const key = await crypto.subtle.importKey('raw', new Uint8Array(raw), 'AES-GCM', false, ['encrypt', 'decrypt']);
      const open = frame => (frame.type === 'key' ? clear.key : clear.delta);
      let count = 0;
      const join = (...parts) => new Blob(parts).arrayBuffer();
      const encrypt = async frame => {
        const head = frame.data.slice(0, open(frame)), vector = new Uint8Array(12);
        new DataView(vector.buffer).setUint32(0, ++count);
        const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: vector, additionalData: head }, key, frame.data.slice(head.byteLength));
        frame.data = await join(head, vector, sealed);
      };
      const decrypt = async frame => {
        const length = open(frame), head = frame.data.slice(0, length), vector = frame.data.slice(length, length + 12);
        const text = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: vector, additionalData: head }, key, frame.data.slice(length + 12));
        frame.data = await join(head, text);
      };
      const told = { frames: 0, failures: 0 };
      await transformer.readable.pipeThrough(new TransformStream({
        async transform(frame, controller) {
          try {
            await (encrypts ? encrypt : decrypt)(frame);
            told.frames += 1;
            controller.enqueue(frame);
          } catch {
            told.failures += 1;
          }
          postMessage(told);
        },
      })).pipeTo(transformer.writable);
    };
  }

  window.layered = {
    // What the worker has done: frames, and those that its key did not open.
    told: null,

    seal(end, encrypts, { raw, clear }) {
      const worker = new Worker(URL.createObjectURL(new Blob([`(${work})()`])));
      worker.onmessage = ({ data }) => { this.told = data; };
      end.transform = new RTCRtpScriptTransform(worker, { raw, clear, encrypts });
    },

    // `codec` and `encodings` as addTransceiver and the pages have them; `descriptor`: the dependency descriptor is negotiated; `secret`:
    // {raw, clear: {key, delta}}, the key's bytes and how many of a frame's stay readable.
    async start(kind, room, token, { codec, encodings, descriptor, secret }) {
      const pc = new RTCPeerConnection();
      window.apus = { pc, state: 'connecting', error: null };
      const video = document.createElement('video');
      video.dataset.testid = 'video';
      video.muted = video.autoplay = true;
      document.body.append(video);
      let transceiver;
      if (kind === 'whip') {
        const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 960, height: 540 } });
        transceiver = pc.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', streams: [stream], sendEncodings: encodings });
        if (secret) this.seal(transceiver.sender, true, secret);
      } else {
        video.srcObject = new MediaStream();
        pc.ontrack = event => video.srcObject.addTrack(event.track);
        transceiver = pc.addTransceiver('video', { direction: 'recvonly' });
        if (secret) this.seal(transceiver.receiver, false, secret);
      }
      const codecs = RTCRtpReceiver.getCapabilities('video').codecs;
      transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => [`video/${codec}`, 'video/rtx'].includes(mimeType)));
      const extensions = transceiver.getHeaderExtensionsToNegotiate();
      for (const extension of extensions) if (extension.uri === DESCRIPTOR) extension.direction = descriptor ? 'sendrecv' : 'stopped';
      transceiver.setHeaderExtensionsToNegotiate(extensions);
      await pc.setLocalDescription();
      const response = await fetch(`/${kind}/${room}`, {
        method: 'POST', body: pc.localDescription.sdp, headers: { 'Content-Type': 'application/sdp', Authorization: 'Bearer ' + token },
      });
      if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
      await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    },

    hasDescriptor: () => window.apus.pc.remoteDescription.sdp.includes(DESCRIPTOR),

    async mode() {
      const report = [...(await window.apus.pc.getStats()).values()];
      return report.find(entry => entry.type === 'outbound-rtp' && entry.kind === 'video')?.scalabilityMode ?? null;
    },
  };
})();
