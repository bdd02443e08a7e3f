// Runs before the page does: a small picture, an ear for whatever the browser complains of, and a list of what plays.
(() => {
  const complaints = window.complaints = [];
  try {
    if (wishes.savesData) localStorage.setItem('apus.saveData', 'true');
  } catch { /* about:blank has no storage. */ }
  if ((wishes.speaks || wishes.isSlow) && navigator.mediaDevices) {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    const opened = wishes.isSlow ? new Promise(resolve => { window.openCamera = () => { resolve(); return true; }; }) : null;
    navigator.mediaDevices.getUserMedia = async constraints => {
      await opened;
      const stream = await ask(constraints);
      if (!wishes.speaks) return stream;
      // Chromium's fake microphone beeps too shortly to pass for speech: a tone that goes on.
      for (const beep of stream.getAudioTracks()) {
        const context = new AudioContext();
        const output = context.createMediaStreamDestination();
        const tone = new OscillatorNode(context, { frequency: 300 });
        tone.connect(output);
        tone.start();
        stream.removeTrack(beep);
        stream.addTrack(output.stream.getAudioTracks()[0]);
      }
      return stream;
    };
  }
  const players = window.players = new Set();
  const { play } = HTMLMediaElement.prototype;
  HTMLMediaElement.prototype.play = function () {
    players.add(this);
    return play.call(this);
  };
  addEventListener('securitypolicyviolation', event => complaints.push(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
  addEventListener('error', event => complaints.push(`error: ${event.message ?? event.target?.src}`), true);
  addEventListener('unhandledrejection', event => complaints.push(`unhandled: ${event.reason}`));
  window.strangers = () => performance.getEntriesByType('resource').map(entry => entry.name)
    .filter(name => !name.startsWith(location.origin) && !name.startsWith(location.origin.replace('http', 'ws')) && !/^(data|blob):/.test(name));
})();
