// One person, or one shared screen, in the grid.

import { find, play, stamp } from './dom.js';
import { Sound } from './sound.js';

const QUALITIES = { excellent: 'Excellent connection', good: 'Good connection', poor: 'Poor connection', lost: 'Connection lost' };

export class PersonTile {
  element = stamp('tile');
  video = find('video', this.element);

  // `silenced()` is told where the browser wants a click before it plays sound.
  constructor(silenced) { this.sound = new Sound(silenced); }

  // `sound` and `picture` are tracks or null; a picture that is only late keeps the last one.
  // `obstacle` says why there is no picture, or an old one; else null.
  show({ person, sound, picture, isCameraOff, isMuted, obstacle = null }) {
    const { element } = this;
    const suffix = person.isMe ? ' (you)' : '';
    find('.given', element).textContent = person.name;
    find('.suffix', element).textContent = suffix;
    this.video.setAttribute('aria-label', `Picture of ${person.name}${suffix}`);
    const avatar = find('.avatar', element);
    avatar.textContent = initials(person.name);
    avatar.style.setProperty('--hue', hue(person.identity || person.name));
    element.dataset.identity = person.identity;
    element.dataset.speaking = String(person.isSpeaking && !isMuted);
    element.dataset.quality = person.quality;
    element.dataset.muted = String(isMuted);
    element.dataset.cameraOff = String(isCameraOff);
    element.classList.toggle('me', person.isMe);
    const quality = find('.quality', element);
    quality.setAttribute('aria-label', QUALITIES[person.quality] ?? 'Connection not rated yet');
    find('.enlarge', element).setAttribute('aria-label', `Show ${person.name}${suffix} large`);
    explain(element, obstacle);
    if (isCameraOff) play(this.video, null);
    else if (picture) play(this.video, picture);
    if (!person.isMe) this.sound.hear(sound);
  }

  remove() {
    this.element.remove();
    play(this.video, null);
    this.sound.stop();
  }
}

export class ScreenTile {
  element = stamp('screen');
  video = find('video', this.element);

  constructor(silenced) { this.sound = new Sound(silenced); }

  show({ person, picture, sound, obstacle }) {
    find('.given', this.element).textContent = person.name;
    this.video.setAttribute('aria-label', `Screen of ${person.name}`);
    find('.enlarge', this.element).setAttribute('aria-label', `Show ${person.name}’s screen large`);
    this.element.dataset.identity = person.identity;
    explain(this.element, obstacle);
    if (picture) play(this.video, picture);
    this.sound.hear(sound);
  }

  remove() {
    this.element.remove();
    play(this.video, null);
    this.sound.stop();
  }
}

// Words instead of a black picture.
function explain(element, obstacle) {
  const words = find('.unseen', element);
  words.hidden = obstacle === null;
  words.textContent = obstacle ?? '';
}

function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  return picked.map(word => [...word][0]).join('').toUpperCase() || '?';
}

// The same person has the same colour on every screen.
function hue(text) {
  let sum = 7;
  for (const character of text) sum = (sum * 31 + character.codePointAt(0)) % 3_600;
  return String(sum * 137 % 360);
}
