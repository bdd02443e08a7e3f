// Cameras, microphones and screens: opening them, listing them, and sentences for when that fails.

import { settings } from './settings.js';

const LARGE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const SMALL = { width: { ideal: 320 }, height: { ideal: 180 }, frameRate: { ideal: 15, max: 15 } };
const VOICE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

const NAMES = { camera: 'camera', microphone: 'microphone', screen: 'screen' };

// Why a device can't be had, for the person who wanted it; null where they changed their mind.
export function sentence(error, what) {
  const name = NAMES[what];
  switch (error?.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      if (what === 'screen') return /system|denied by/i.test(error.message) && !/permission denied$/i.test(error.message)
        ? 'This system does not let the browser share the screen. Allow it in the system’s privacy settings.' : null;
      return `The ${name} was refused. Allow it beside the address of this page, then press the ${name} button.`;
    case 'NotFoundError':
      return `No ${name} was found. Connect one, then press the ${name} button.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${name} does not start. Another program may be using it.`;
    case 'InsecureError':
      return 'Browsers give cameras only to pages that were opened by https or on this machine itself.';
    case 'InvalidStateError':
    case 'NotSupportedError':
    case 'TypeError':
      if (what === 'screen') return 'This browser can’t share the screen.';
  }
  return `The ${name} does not start (${error?.name ?? 'no reason given'}).`;
}

// The same for several at once: {camera: error?, microphone: error?} → a sentence for each.
export const sentences = errors => Object.entries(errors).map(([kind, error]) => sentence(error, kind)).filter(Boolean);

async function capture(constraints) {
  if (!navigator.mediaDevices?.getUserMedia) throw Object.assign(new Error('insecure'), { name: 'InsecureError' });
  return navigator.mediaDevices.getUserMedia(constraints);
}

// Asks for the remembered device, and takes any where that one is gone.
const chosen = kind => {
  const id = settings.device(kind);
  return id ? { deviceId: { ideal: id } } : {};
};

// What this person shows and says. Emits `change` whenever a track or its state is another.
export class LocalMedia extends EventTarget {
  camera = null;
  microphone = null;
  screen = null;
  screenSound = null;
  // What they want; a microphone may be there and not wanted, and then it is silent.
  speaks = true;
  #isClosed = false;

  #changed() { this.dispatchEvent(new Event('change')); }

  get isHeard() { return Boolean(this.microphone) && this.speaks; }

  #adopt(kind, track) {
    // The person was gone before the device answered.
    if (this.#isClosed) return track.stop();
    this[kind]?.stop();
    this[kind] = track;
    if (kind === 'microphone') track.enabled = this.speaks;
    // Unplugged, or stopped from the browser's own bar.
    track.addEventListener('ended', () => {
      if (this[kind] !== track) return;
      this[kind] = null;
      this.dispatchEvent(new CustomEvent('lost', { detail: kind }));
      this.#changed();
    });
  }

  #drop(kind) {
    this[kind]?.stop();
    this[kind] = null;
  }

  // Both at once is one question to the person; where it fails each is tried alone. → {camera: error?, microphone: error?}
  async openBoth() {
    try {
      const stream = await capture({ video: this.#video(), audio: this.#audio() });
      this.#adopt('camera', stream.getVideoTracks()[0]);
      this.#adopt('microphone', stream.getAudioTracks()[0]);
      this.#changed();
      return {};
    } catch {
      const errors = {};
      if (this.#isClosed) return errors;
      for (const [kind, open] of [['camera', () => this.openCamera()], ['microphone', () => this.openMicrophone()]]) {
        try { await open(); } catch (error) { errors[kind] = error; }
      }
      return errors;
    }
  }

  #video() { return { ...(settings.saveData ? SMALL : LARGE), ...chosen('camera') }; }
  #audio() { return { ...VOICE, ...chosen('microphone') }; }

  async openCamera() {
    const stream = await capture({ video: this.#video() });
    this.#adopt('camera', stream.getVideoTracks()[0]);
    this.#changed();
  }

  // The light beside the lens goes out.
  closeCamera() {
    this.#drop('camera');
    this.#changed();
  }

  async openMicrophone() {
    const stream = await capture({ audio: this.#audio() });
    this.#adopt('microphone', stream.getAudioTracks()[0]);
    this.#changed();
  }

  // Silence keeps the device open, so that speaking begins with the first syllable.
  async speak(speaks) {
    this.speaks = speaks;
    if (this.microphone) this.microphone.enabled = speaks;
    else if (speaks) await this.openMicrophone();
    this.#changed();
  }

  async openScreen() {
    const video = { frameRate: { ideal: 15, max: 30 } };
    const stream = await navigator.mediaDevices.getDisplayMedia({ video, audio: true });
    const [track] = stream.getVideoTracks();
    track.contentHint = 'detail';
    this.#adopt('screen', track);
    const [sound] = stream.getAudioTracks();
    if (sound) this.#adopt('screenSound', sound);
    track.addEventListener('ended', () => this.closeScreen());
    this.#changed();
  }

  closeScreen() {
    this.#drop('screen');
    this.#drop('screenSound');
    this.#changed();
  }

  // For good: what is still asked for is stopped when it comes.
  close() {
    this.#isClosed = true;
    for (const kind of ['camera', 'microphone', 'screen', 'screenSound']) this.#drop(kind);
    this.#changed();
  }
}

// → {camera: [{id, label}], microphone: […], speaker: […]}. Names are known only once a device may be used.
export async function listDevices() {
  const lists = { camera: [], microphone: [], speaker: [] };
  const kinds = { videoinput: 'camera', audioinput: 'microphone', audiooutput: 'speaker' };
  for (const device of await navigator.mediaDevices?.enumerateDevices?.() ?? []) {
    const list = lists[kinds[device.kind]];
    if (list && device.deviceId) list.push({ id: device.deviceId, label: device.label || `${kinds[device.kind]} ${list.length + 1}` });
  }
  return lists;
}

export const canShareScreen = () => Boolean(navigator.mediaDevices?.getDisplayMedia);
export const canChooseSpeaker = () => 'setSinkId' in HTMLMediaElement.prototype;
