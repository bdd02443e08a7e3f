// The place where people and screens are seen: which tiles there are, how large, and what the server is asked for each.

import { find } from './dom.js';
import { GAP, tileSize } from './layout.js';
import { trackOf } from './people.js';
import { ScreenTile, PersonTile } from './tile.js';

const PAUSE = 300;
// A size that changes by less is not worth a message.
const NOTABLE = 0.2;

export class Grid {
  #floor;
  #stage;
  #list;
  #call;
  #silenced;
  #people = new Map();
  #screens = new Map();
  // The tile that has the whole place, for its whole picture; null while all are seen.
  #large = null;
  // By video element: the track's sid, whether it is in view, its size, and what the server was told last.
  #watched = new Map();
  #sizes;
  #views;
  #timer = null;
  #speaker = '';

  // `silenced()` is told where the browser wants a click before it plays sound.
  constructor(floor, call, silenced) {
    this.#floor = floor;
    this.#stage = floor.querySelector('.stage');
    this.#list = floor.querySelector('.tiles');
    this.#call = call;
    this.#silenced = silenced;
    this.#sizes = new ResizeObserver(entries => this.#measure(entries));
    this.#views = new IntersectionObserver(entries => this.#look(entries), { root: floor });
    this.#sizes.observe(this.#list);
  }

  render(media) {
    const people = new Map();
    const screens = new Map();
    for (const person of this.#call.people.all) {
      people.set(person.identity, person);
      const screen = person.isMe ? null : trackOf(person, 'SCREEN_SHARE');
      if (screen) screens.set(person.identity, { person, screen });
    }
    this.#settle(this.#people, people, this.#list, () => new PersonTile(this.#silenced));
    this.#settle(this.#screens, screens, this.#stage, () => new ScreenTile(this.#silenced));
    for (const [identity, person] of people) this.#showPerson(this.#people.get(identity), person, media);
    for (const [identity, { person, screen }] of screens) {
      const tile = this.#screens.get(identity);
      const sound = trackOf(person, 'SCREEN_SHARE_AUDIO');
      tile.show({
        person, picture: this.#call.receiver(screen.sid), sound: sound && this.#call.receiver(sound.sid), obstacle: this.#obstacle(screen),
      });
      this.#watch(tile.video, screen.sid);
    }
    this.#floor.classList.toggle('has-stage', screens.size > 0);
    this.#stage.dataset.count = screens.size;
    this.#arrange();
  }

  #showPerson(tile, person, media) {
    if (person.isMe) {
      tile.show({ person, picture: media.camera, isCameraOff: !media.camera, isMuted: !media.isHeard });
      return;
    }
    const camera = trackOf(person, 'CAMERA');
    const microphone = trackOf(person, 'MICROPHONE');
    const isCameraOff = !camera || camera.muted;
    tile.show({
      person, isCameraOff, isMuted: !microphone || microphone.muted, obstacle: isCameraOff ? null : this.#obstacle(camera),
      picture: camera && this.#call.receiver(camera.sid), sound: microphone && this.#call.receiver(microphone.sid),
    });
    this.#watch(tile.video, isCameraOff ? null : camera.sid);
  }

  // Why a track shows no picture, or an old one; null for all others.
  #obstacle(track) {
    if (this.#call.isUndecodable(track.sid)) return `This browser can’t show ${track.codec || 'this'} video.`;
    return this.#call.isPaused(track.sid) ? 'Paused: your connection is too slow for this video.' : null;
  }

  #settle(tiles, wanted, place, make) {
    for (const [key, tile] of tiles) {
      if (wanted.has(key)) continue;
      if (tile === this.#large) this.enlarge(null);
      this.#forget(tile.video);
      tile.remove();
      tiles.delete(key);
    }
    for (const key of wanted.keys()) {
      if (tiles.has(key)) continue;
      const tile = make();
      tiles.set(key, tile);
      find('.enlarge', tile.element).addEventListener('click', () => this.enlarge(tile === this.#large ? null : tile));
      place.append(tile.element);
      if (this.#speaker) tile.sound.speaker(this.#speaker);
    }
  }

  // MARK: Sizes

  #arrange() {
    // What is inside of a scrollbar. There is one only where tiles do not fit: one that comes for a moment would break the rows, and stay.
    const { clientWidth: width, clientHeight: height } = this.#list;
    if (!width || !height || this.#screens.size) return;
    const size = tileSize(this.#people.size, width, height);
    this.#list.classList.toggle('scrolls', size.scrolls);
    this.#list.style.setProperty('--tile-width', `${size.width}px`);
    this.#list.style.setProperty('--tile-height', `${size.height}px`);
    this.#list.style.setProperty('--gap', `${GAP}px`);
  }

  // Shows one tile alone, or all again where that is null.
  enlarge(large) {
    this.#large = large;
    for (const tile of this.#tiles) {
      tile.element.classList.toggle('large', tile === large);
      find('.enlarge', tile.element).setAttribute('aria-pressed', String(tile === large));
    }
    this.#floor.classList.toggle('has-large', Boolean(large));
    this.#later();
  }

  // MARK: What the server is asked for

  #watch(video, sid) {
    const known = this.#watched.get(video);
    if (known) {
      if (known.sid !== sid) Object.assign(known, { sid, told: null });
    } else if (sid) {
      this.#watched.set(video, { sid, isSeen: true, width: 0, height: 0, told: null });
      this.#sizes.observe(video);
      this.#views.observe(video);
    }
    this.#later();
  }

  #forget(video) {
    this.#sizes.unobserve(video);
    this.#views.unobserve(video);
    this.#watched.delete(video);
  }

  // A new session has been told nothing yet.
  tellAgain() {
    for (const watched of this.#watched.values()) watched.told = null;
    this.#later();
  }

  #measure(entries) {
    for (const { target, contentRect } of entries) {
      const watched = this.#watched.get(target);
      if (watched) Object.assign(watched, { width: contentRect.width, height: contentRect.height });
      else if (target === this.#list) this.#arrange();
    }
    this.#later();
  }

  #look(entries) {
    for (const { target, isIntersecting } of entries) {
      const watched = this.#watched.get(target);
      if (watched) watched.isSeen = isIntersecting;
    }
    this.#later();
  }

  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      for (const [video, watched] of this.#watched) this.#tell(watched, watched.isSeen && (!this.#large || video === this.#large.video));
    }, PAUSE);
  }

  #tell(watched, isSeen) {
    if (!watched.sid || !this.#call.receiver(watched.sid)) return;
    const wish = {
      disabled: !isSeen, width: Math.round(watched.width * devicePixelRatio), height: Math.round(watched.height * devicePixelRatio),
    };
    const { told } = watched;
    if (!wish.width && isSeen) return;
    if (told && told.disabled === wish.disabled) {
      if (wish.disabled || Math.abs(wish.width - told.width) <= NOTABLE * told.width) return;
    }
    watched.told = wish;
    this.#call.want(watched.sid, wish);
  }

  // MARK: Sound

  get #tiles() { return [...this.#people.values(), ...this.#screens.values()]; }

  listen() { for (const tile of this.#tiles) tile.sound.listen(); }

  speaker(id) {
    this.#speaker = id;
    for (const tile of this.#tiles) tile.sound.speaker(id);
  }

  close() {
    this.enlarge(null);
    clearTimeout(this.#timer);
    this.#sizes.disconnect();
    this.#views.disconnect();
    for (const tile of this.#tiles) tile.remove();
  }
}
