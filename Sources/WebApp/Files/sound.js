// The sound of one track, beside whatever picture there is: a picture plays without asking, sound may have to wait for a click.

import { play } from './dom.js';

export class Sound {
  #audio = new Audio();
  #silenced;

  // `silenced()` is told where the browser wants a click before it plays sound.
  constructor(silenced) { this.#silenced = silenced; }

  // Plays `track`; one that is only late keeps the last one.
  hear(track) {
    if (!track || this.#audio.srcObject?.getTracks().includes(track)) return;
    play(this.#audio, track);
    this.listen();
  }

  // Again, after the person has clicked somewhere.
  listen() {
    if (!this.#audio.srcObject) return;
    this.#audio.play().catch(error => { if (error.name === 'NotAllowedError') this.#silenced(); });
  }

  speaker(id) { this.#audio.setSinkId?.(id).catch(() => {}); }

  stop() { play(this.#audio, null); }
}
