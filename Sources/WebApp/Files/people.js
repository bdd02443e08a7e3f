// Who is in the room and what they offer, as the server tells it.

export class People {
  me = null;
  // By sid, in the order in which they came.
  #others = new Map();

  // Who I am going to be: I see myself before the server has answered.
  expect(identity, name) { this.me = describe({ sid: '', identity, name }, true); }

  join({ participant, otherParticipants = [] }) {
    this.me = describe(participant, true);
    const former = new Map([...this.#others.values()].map(person => [person.identity, person]));
    this.#others.clear();
    this.update(otherParticipants);
    // After a rejoin everybody keeps their marks until the server tells new ones.
    for (const person of this.#others.values()) person.quality = former.get(person.identity)?.quality ?? 'unknown';
  }

  // Each entry is the whole state of one participant; late ones with an older version are not news.
  update(entries) {
    for (const entry of entries) {
      const known = entry.sid === this.me?.sid ? this.me : this.#others.get(entry.sid);
      if (known && (entry.version ?? 0) < known.version) continue;
      if (entry.state === 'DISCONNECTED') {
        if (!known?.isMe) this.#others.delete(entry.sid);
      } else {
        const person = describe(entry, known?.isMe ?? false);
        if (known) Object.assign(person, { isSpeaking: known.isSpeaking, quality: known.quality });
        if (person.isMe) this.me = person;
        else this.#others.set(entry.sid, person);
      }
    }
  }

  // Changes only: who is not named goes on as before.
  hear(speakers) {
    for (const { sid, active = false } of speakers) {
      const person = this.bySid(sid);
      if (person) person.isSpeaking = active;
    }
  }

  rate(updates) {
    for (const { participantSid, quality = 'POOR' } of updates) {
      const person = this.bySid(participantSid);
      if (person) person.quality = quality.toLowerCase();
    }
  }

  bySid(sid) { return sid === this.me?.sid ? this.me : this.#others.get(sid); }

  // Me first.
  get all() { return this.me ? [this.me, ...this.#others.values()] : []; }
}

function describe({ sid, identity = '', name, version = 0, tracks = [] }, isMe) {
  const described = tracks.map(({ sid, source = 'UNKNOWN', type = 'AUDIO', muted = false, mimeType = '' }) => ({
    sid, source, type, muted, codec: mimeType.split('/')[1] ?? '',
  }));
  return { sid, identity, name: name || identity || 'Somebody', version, isMe, tracks: described, isSpeaking: false, quality: 'unknown' };
}

// The track of a person that has this source; a publisher that names none (a WHIP encoder) has its first of that kind.
export function trackOf(person, source) {
  const type = { CAMERA: 'VIDEO', MICROPHONE: 'AUDIO' }[source];
  return person.tracks.find(track => track.source === source)
    ?? (type && person.tracks.find(track => track.source === 'UNKNOWN' && track.type === type));
}
