// Who has come and who has left, as one sentence now and then; and other short news. Read out, and seen for a while.

// Those who come together are told of together.
const GATHERING = 1_500;
// After a reconnection everybody else comes back as well, one after the other, and that is no news.
const RETURNING = 10_000;
const SHOWN = 5_000;
const MOST = 3;

export class News {
  #place;
  // Who is there, by identity: as far as it was told, and now. Null before the first look.
  #told = null;
  #names = null;
  #quietUntil = 0;
  #gathering = null;
  #showing = null;

  constructor(place) {
    this.#place = place;
    this.#show('');
  }

  // `people` are the others who are there now.
  see(people) {
    this.#names = new Map(people.map(({ identity, name }) => [identity, name]));
    this.#told ??= this.#names;
    if (this.#gathering || [...changes(this.#told, this.#names)].every(names => !names.length)) return;
    this.#gathering = setTimeout(() => this.#tell(), Math.max(GATHERING, this.#quietUntil - performance.now()));
  }

  // There is a new session: until everybody is back, nobody has left.
  wait() {
    if (!this.#told) return;
    clearTimeout(this.#gathering);
    this.#gathering = null;
    this.#quietUntil = performance.now() + RETURNING;
  }

  say(sentence) {
    clearTimeout(this.#showing);
    this.#show(sentence);
    this.#showing = setTimeout(() => this.#show(''), SHOWN);
  }

  close() {
    clearTimeout(this.#gathering);
    clearTimeout(this.#showing);
  }

  #tell() {
    this.#gathering = null;
    const [came, left] = changes(this.#told, this.#names);
    this.#told = this.#names;
    const sentence = [left.length && `${list(left)} left.`, came.length && `${list(came)} joined.`].filter(Boolean).join(' ');
    if (sentence) this.say(sentence);
  }

  #show(sentence) { this.#place.textContent = sentence; }
}

// → [the names of who came, the names of who left]
function changes(before, after) {
  const missing = (some, others) => [...some].filter(([identity]) => !others.has(identity)).map(([, name]) => name);
  return [missing(after, before), missing(before, after)];
}

// “Ada, Grace and 4 others”
function list(names) {
  const shown = names.length > MOST ? [...names.slice(0, MOST - 1), `${names.length - MOST + 1} others`] : names;
  return [shown.slice(0, -1).join(', '), shown.at(-1)].filter(Boolean).join(' and ');
}
