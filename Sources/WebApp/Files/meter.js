// Shows in the lobby that the microphone hears something.

// Lights the bars of `place` by the loudness of `track`. → a function that ends it; to end it again does nothing.
export function startMeter(place, track) {
  const bars = [...place.children];
  const light = count => bars.forEach((bar, index) => bar.classList.toggle('lit', index < count));
  light(0);
  if (!track) return () => {};
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    const decibels = 10 * Math.log10(power + 1e-10);
    light(Math.round((decibels + 60) / 50 * bars.length));
  }, 100);
  // The context's own state says so only later, and closing it twice is an error.
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    clearInterval(timer);
    context.close();
    light(0);
  };
}
