// One attempt at a call: a socket, a peer connection, and what is published over them. It ends once and is not used again.

import { encodings, fit, preferVP8 } from './encodings.js';
import { Signal } from './signal.js';

const ANSWER = 10_000;
const CONNECTING = 15_000;
const INTERRUPTION = 5_000;
const KINDS = { audio: 'AUDIO', video: 'VIDEO' };
// Of each kind, in the first offer; a room may hold more than an offer may.
const FIRST_RECEIVERS = 32;

// Rejects where `promise` takes too long.
const within = (promise, time, what) => Promise.race([
  promise, new Promise((_, reject) => { setTimeout(() => reject(new Error(`${what} took too long`)), time); }),
]);

export class Session {
  pc = null;
  // The tracks that arrive, by the sid that the server gave them.
  receivers = new Map();
  wasJoined = false;
  wasConnected = false;

  #signal;
  #events;
  #wishes;
  #isOver = false;
  #publications = new Map();
  #announcing = new Map();
  #syncing = Promise.resolve();
  #isReady = false;
  #isOffering = false;
  #isOfferNeeded = false;
  #offers = 0;
  #answers = new Map();
  #timer = null;
  #streams = { person: new MediaStream(), screen: new MediaStream() };

  // `wishes()` → {SOURCE: {track, muted}} is what should be published now. `events`: joined(join), message(kind, body), received(),
  // connected(), refused(source), over(leave).
  constructor(token, wishes, events) {
    this.#wishes = wishes;
    this.#events = events;
    this.#signal = new Signal(token, (kind, body) => this.#receive(kind, body), () => this.#end(null));
  }

  #receive(kind, body) {
    switch (kind) {
      case 'join': return this.#join(body);
      case 'answer':
        this.#answers.get(body.id)?.(body);
        this.#answers.delete(body.id);
        return;
      case 'trackPublished':
        this.#announcing.get(body.cid)?.(body.track);
        this.#announcing.delete(body.cid);
        return;
      case 'requestResponse':
        if (body.reason && body.reason !== 'QUEUED' && body.addTrack) this.#announcing.get(body.addTrack.cid)?.(null);
        return;
      case 'mediaSectionsRequirement':
        this.#addReceivers(body.numAudios ?? 0, body.numVideos ?? 0);
        return this.#negotiate();
      case 'subscribedQualityUpdate': return this.#heed(body);
      case 'leave': return this.#end(body);
      default: return this.#events.message(kind, body);
    }
  }

  async #join(join) {
    this.wasJoined = true;
    const iceServers = (join.iceServers ?? []).filter(server => server.urls?.length);
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.pc.addEventListener('connectionstatechange', () => this.#follow());
    this.#events.joined(join);
    this.#wait(CONNECTING);
    await this.sync();
    if (this.#isOver) return;
    // What there is comes with the first answer; the server asks for more sections when there is more.
    const types = (join.otherParticipants ?? []).flatMap(({ tracks = [] }) => tracks.map(({ type = 'AUDIO' }) => type));
    const count = kind => Math.min(Math.max(1, types.filter(type => type === kind).length), FIRST_RECEIVERS);
    this.#addReceivers(count(KINDS.audio), count(KINDS.video));
    this.#isReady = true;
    this.#negotiate();
  }

  #addReceivers(audios, videos) {
    for (let i = 0; i < audios; i++) this.pc.addTransceiver('audio', { direction: 'recvonly' });
    for (let i = 0; i < videos; i++) this.pc.addTransceiver('video', { direction: 'recvonly' });
  }

  // The session ends unless the connection is up within `time`.
  #wait(time) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(null), time);
  }

  #follow() {
    switch (this.pc.connectionState) {
      case 'connected':
        clearTimeout(this.#timer);
        this.wasConnected = true;
        return this.#events.connected();
      case 'disconnected':
        // Another way to the same server may be open.
        this.pc.restartIce();
        this.#negotiate();
        return this.#wait(INTERRUPTION);
      case 'failed': return this.#end(null);
    }
  }

  // MARK: Publishing

  // Brings what is published to what is wished. Calls queue up; each looks at the wishes of its time.
  sync() {
    this.#syncing = this.#syncing.then(() => this.#sync()).catch(() => this.#end(null));
    return this.#syncing;
  }

  async #sync() {
    if (this.#isOver || !this.pc) return;
    for (const [source, { track, muted }] of Object.entries(this.#wishes())) {
      const publication = this.#publications.get(source);
      if (!publication) {
        if (track) await this.#publish(source, track, muted);
      } else if (!publication.isRefused) {
        if (!track && source.startsWith('SCREEN')) {
          this.#unpublish(source, publication);
          continue;
        }
        if (track !== publication.track) {
          publication.track = track;
          await publication.transceiver.sender.replaceTrack(track);
          if (track?.kind === 'video') publication.isUnfit = true;
        }
        if (publication.isUnfit && track && publication.transceiver) {
          publication.isUnfit = false;
          await fit(publication.transceiver.sender, track, source, publication.watched);
        }
        if (muted !== publication.muted) {
          publication.muted = muted;
          this.#signal.send({ mute: { sid: publication.sid, muted } });
        }
      }
      if (this.#isOver) return;
    }
  }

  async #publish(source, track, muted) {
    const { announcement, sendEncodings } = encodings(track, source);
    const publication = { track, muted, sid: null, transceiver: null, isRefused: false, watched: null, isUnfit: false };
    this.#publications.set(source, publication);
    const published = new Promise(resolve => this.#announcing.set(track.id, resolve));
    this.#signal.send({ addTrack: { cid: track.id, type: KINDS[track.kind], source, muted, ...announcement } });
    const info = await within(published, ANSWER, 'Publishing');
    if (this.#isOver) return;
    if (!info) {
      publication.isRefused = true;
      return this.#events.refused(source);
    }
    publication.sid = info.sid;
    const stream = source.startsWith('SCREEN') ? this.#streams.screen : this.#streams.person;
    publication.transceiver = this.pc.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings });
    if (track.kind === 'video') preferVP8(publication.transceiver);
    this.#negotiate();
  }

  // Which qualities of a picture somebody watches; the others need not be sent.
  #heed({ trackSid, subscribedQualities }) {
    const publication = [...this.#publications.values()].find(({ sid }) => sid === trackSid);
    if (!publication) return;
    // What is not said is the first quality, and no.
    publication.watched = new Set((subscribedQualities ?? []).filter(({ enabled }) => enabled).map(({ quality = 'LOW' }) => quality));
    publication.isUnfit = true;
    this.sync();
  }

  // There is no message for it: an offer whose section does not send any more says it.
  #unpublish(source, publication) {
    this.#publications.delete(source);
    publication.transceiver.direction = 'inactive';
    publication.transceiver.sender.replaceTrack(null);
    this.#negotiate();
  }

  // The source of what was published under this sid.
  sourceOf(sid) {
    return [...this.#publications].find(([, publication]) => publication.sid === sid)?.[0];
  }

  // MARK: Negotiating

  // One offer is outstanding at a time; what changes meanwhile goes into the next.
  async #negotiate() {
    this.#isOfferNeeded = true;
    if (this.#isOffering || !this.#isReady) return;
    this.#isOffering = true;
    try {
      while (this.#isOfferNeeded && !this.#isOver) {
        this.#isOfferNeeded = false;
        await this.pc.setLocalDescription();
        const id = ++this.#offers;
        const answered = new Promise(resolve => this.#answers.set(id, resolve));
        this.#signal.send({ offer: { type: 'offer', sdp: this.pc.localDescription.sdp, id } });
        const answer = await within(answered, ANSWER, 'The answer');
        if (this.#isOver) return;
        await this.pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
        this.#attach(answer.midToTrackId ?? {});
      }
    } catch (error) {
      if (!this.#isOver) console.warn('Negotiation failed:', error.message);
      this.#end(null);
    } finally {
      this.#isOffering = false;
    }
  }

  #attach(tracks) {
    this.receivers.clear();
    for (const transceiver of this.pc.getTransceivers()) {
      const sid = transceiver.mid && tracks[transceiver.mid];
      if (sid && transceiver.currentDirection === 'recvonly') this.receivers.set(sid, transceiver.receiver.track);
    }
    this.#events.received();
  }

  // MARK: Asking and leaving

  // How large a track is shown, or that it is not.
  want(sid, { disabled, width, height }) {
    this.#signal.send({ trackSetting: { trackSids: [sid], disabled, width, height } });
  }

  leave() {
    this.#signal.send({ leave: { reason: 'CLIENT_INITIATED', action: 'DISCONNECT' } });
    this.#events = { over() {} };
    this.#end(null);
  }

  #end(leave) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#signal.close();
    this.pc?.close();
    for (const settle of [...this.#announcing.values(), ...this.#answers.values()]) settle(null);
    this.#events.over(leave);
  }
}
