// Runs before the page does: a small picture, and an ear for whatever the browser complains of.
(() => {
  const complaints = window.complaints = [];
  try {
    if (SAVES_DATA) localStorage.setItem('apus.saveData', 'true');
  } catch { /* about:blank has no storage. */ }
  if (SPEAKS && navigator.mediaDevices) {
    // Chromium's fake microphone beeps too shortly to pass for speech: a tone that goes on.
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async constraints => {
      const stream = await ask(constraints);
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
  addEventListener('securitypolicyviolation', event => complaints.push(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
  addEventListener('error', event => complaints.push(`error: ${event.message ?? event.target?.src}`), true);
  addEventListener('unhandledrejection', event => complaints.push(`unhandled: ${event.reason}`));
  window.strangers = () => performance.getEntriesByType('resource').map(entry => entry.name)
    .filter(name => !name.startsWith(location.origin) && !name.startsWith(location.origin.replace('http', 'ws')) && !/^(data|blob):/.test(name));
})();
