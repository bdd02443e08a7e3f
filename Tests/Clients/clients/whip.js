// Cheap people for a full room: each publishes a small picture painted here, by a WHIP session of its own. Defines `window.crowd`.
window.crowd = {
  people: [],

  async add(room, token, hue) {
    const canvas = document.createElement('canvas');
    canvas.width = 160;
    canvas.height = 90;
    const context = canvas.getContext('2d');
    let turn = 0;
    const paint = () => {
      turn += 1;
      const light = context.createLinearGradient(0, 0, 0, 90);
      light.addColorStop(0, `hsl(${hue} 45% ${60 + 15 * Math.sin(turn / 5)}%)`);
      light.addColorStop(1, `hsl(${hue} 45% 20%)`);
      context.fillStyle = light;
      context.fillRect(0, 0, 160, 90);
      context.fillStyle = '#fff';
      context.beginPath();
      context.arc(80 + 10 * Math.cos(turn / 5), 42, 18, 0, 7);
      context.fill();
    };
    paint();
    const timer = setInterval(paint, 200);
    const pc = new RTCPeerConnection();
    for (const track of canvas.captureStream(5).getTracks()) pc.addTransceiver(track, { direction: 'sendonly' });
    await pc.setLocalDescription();
    const headers = { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` };
    const response = await fetch(`/whip/${room}`, { method: 'POST', body: pc.localDescription.sdp, headers });
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    this.people.push({ pc, timer, resource: response.headers.get('Location'), headers });
    return true;
  },
};
