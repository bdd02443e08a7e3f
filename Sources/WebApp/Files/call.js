// A call that lasts as long as the person stays: it joins, and joins again whenever the server or the network was gone.

import { exchange, validate } from './api.js';
import { People } from './people.js';
import { Session } from './session.js';

const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 2_000;

const FINAL = {
  DUPLICATE_IDENTITY: 'You have joined from somewhere else, so this page has left the call.',
  PARTICIPANT_REMOVED: 'You were removed from the call.',
  ROOM_DELETED: 'The room was closed.',
};
// Of an invitation that is good no more, or never was; every other refusal may be another one in a while.
const HOPELESS = [400, 401, 403, 410];

// Emits `change` when anything that is shown has changed, `joined` when a session begins that was asked for nothing yet, `refused` with a source that may not be published, and `muted` with a source that
// the server wants silent.
export class Call extends EventTarget {
  // joining, connected, reconnecting, ended
  state = 'joining';
  // Why it has ended, for the person; null where they left.
  error = null;
  people = new People();

  #invitation;
  #token;
  #name;
  // Whether the token has come in the place of a refused one, and nobody has joined by it yet.
  #isRenewed = false;
  #media;
  #session = null;
  #wake = () => {};
  #isTold = false;
  #failures = 0;
  #unreached = 0;
  // Whether the server answers by plain HTTP while no socket opens.
  #isAnswered = false;
  #isFull = false;
  #undecodable = new Set();
  #paused = new Set();

  // What an invitation was exchanged for, and the invitation.
  constructor({ invitation, token, identity, name }, media) {
    super();
    this.#invitation = invitation;
    this.#token = token;
    this.#name = name;
    this.#media = media;
    this.people.expect(identity, name);
  }

  get pc() { return this.#session?.pc ?? null; }
  // What keeps it from being connected, where that is known; null while nothing is out of the ordinary.
  get hindrance() {
    if (this.state === 'connected') return null;
    if (navigator.onLine === false) return 'You are offline. Waiting for the network…';
    if (this.#isFull) return 'The room or the server is full. Trying again…';
    if (this.#unreached > 1) return this.#isAnswered
      ? 'The server answers, but something on the way, a proxy or a firewall, does not let WebSockets pass. Trying again…'
      : 'The server can’t be reached. Trying again…';
    return this.#failures > 1 ? 'The server answers, but sound and picture do not get through. A firewall may block them. Trying again…' : null;
  }

  receiver(sid) { return this.#session?.receivers.get(sid) ?? null; }
  // Whether the server has found that this browser does not decode the track.
  isUndecodable(sid) { return this.#undecodable.has(sid); }
  // Whether the server does not send the track, since the way to this browser is too slow for it.
  isPaused(sid) { return this.#paused.has(sid); }
  want(sid, wish) { this.#session?.want(sid, wish); }

  start() {
    this.#media.addEventListener('change', this.#sync);
    addEventListener('online', this.#hurry);
    this.#run();
  }

  leave() {
    if (this.state === 'ended') return;
    this.#session?.leave();
    this.#finish(null);
  }

  #sync = () => {
    this.#session?.sync();
    this.#changed();
  };
  #hurry = () => this.#wake();

  // All changes of one turn are shown together.
  #changed() {
    if (this.#isTold) return;
    this.#isTold = true;
    queueMicrotask(() => {
      this.#isTold = false;
      this.dispatchEvent(new Event('change'));
    });
  }

  #finish(sentence) {
    this.state = 'ended';
    this.error = sentence;
    this.#media.removeEventListener('change', this.#sync);
    removeEventListener('online', this.#hurry);
    this.#wake();
    this.#changed();
  }

  async #run() {
    let pause = FIRST_PAUSE;
    while (this.state !== 'ended') {
      const { session, leave } = await this.#attempt();
      if (this.state === 'ended') return;
      if (leave && !leave.action && FINAL[leave.reason]) return this.#finish(FINAL[leave.reason]);
      this.#unreached = session.wasJoined ? 0 : this.#unreached + 1;
      this.#isFull = leave?.reason === 'JOIN_FAILURE';
      const refusal = session.wasJoined ? null : await this.#inquire();
      if (this.state === 'ended') return;
      if (refusal) return this.#finish(refusal);
      if (this.state === 'connected') this.state = 'reconnecting';
      if (session.wasConnected) {
        pause = FIRST_PAUSE;
        this.#failures = 0;
      } else if (session.wasJoined) {
        this.#failures += 1;
      }
      this.#changed();
      await this.#rest(pause * (0.75 + Math.random() / 2));
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }

  // Why nobody was let in: → the sentence that ends the call, or null where trying again may help.
  async #inquire() {
    const { status, sentence } = await validate(this.#token);
    this.#isAnswered = status === 200;
    if (status === 403 || (status === 401 && this.#isRenewed)) return sentence;
    return status === 401 ? this.#renew() : null;
  }

  // A token lasts for hours, the invitation that it came from for longer.
  async #renew() {
    try {
      ({ token: this.#token } = await exchange(this.#invitation, this.#name));
      this.#isRenewed = true;
      return null;
    } catch (error) {
      return HOPELESS.includes(error.status) ? error.message : null;
    }
  }

  // → once the attempt is over: {session, leave}
  #attempt() {
    return new Promise(resolve => {
      const session = this.#session = new Session(this.#token, () => this.#wishes(), {
        joined: join => {
          this.#isRenewed = false;
          this.people.join(join);
          this.#undecodable.clear();
          this.#paused.clear();
          this.dispatchEvent(new Event('joined'));
          this.#changed();
        },
        message: (kind, body) => this.#receive(kind, body),
        received: () => this.#changed(),
        connected: () => {
          this.state = 'connected';
          this.#failures = 0;
          this.#changed();
        },
        refused: source => this.dispatchEvent(new CustomEvent('refused', { detail: source })),
        over: leave => resolve({ session, leave }),
      });
    });
  }

  #rest(time) {
    return new Promise(resolve => {
      this.#wake = resolve;
      setTimeout(resolve, time);
    });
  }

  #receive(kind, body) {
    switch (kind) {
      case 'update': this.people.update(body.participants ?? []); break;
      case 'speakersChanged': this.people.hear(body.speakers ?? []); break;
      case 'connectionQuality': this.people.rate(body.updates ?? []); break;
      case 'subscriptionResponse':
        if (body.err !== 'SE_CODEC_UNSUPPORTED') return;
        this.#undecodable.add(body.trackSid);
        break;
      case 'streamStateUpdate':
        for (const { trackSid, state = 'ACTIVE' } of body.streamStates ?? []) {
          if (state === 'PAUSED') this.#paused.add(trackSid);
          else this.#paused.delete(trackSid);
        }
        break;
      case 'mute': {
        // Silence is granted at once; nobody else turns a microphone on.
        const source = this.#session.sourceOf(body.sid);
        if (body.muted && source) this.dispatchEvent(new CustomEvent('muted', { detail: source }));
        return;
      }
      default: return;
    }
    this.#changed();
  }

  #wishes() {
    const { microphone, camera, screen, screenSound, speaks } = this.#media;
    return {
      MICROPHONE: { track: microphone, muted: !microphone || !speaks },
      CAMERA: { track: camera, muted: !camera },
      SCREEN_SHARE: { track: screen, muted: false },
      SCREEN_SHARE_AUDIO: { track: screenSound, muted: false },
    };
  }
}
