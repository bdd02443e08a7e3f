// The call as it is seen: the grid, the controls, the words about how it goes.

import { Call } from './call.js';
import { addChoices } from './choices.js';
import { canShareScreen, sentence, sentences } from './devices.js';
import { copyText, dress, find, show } from './dom.js';
import { Grid } from './grid.js';
import { News } from './news.js';
import { settings } from './settings.js';

const view = document.getElementById('room');
const dialog = find('dialog', view);
const floor = find('.floor', view);
const status = find('[data-testid=status]', view);
const notices = find('.notices', view);
const buttons = Object.fromEntries([...view.querySelectorAll('[data-control]')].map(button => [button.dataset.control, button]));
const invite = find('[data-testid=invite]', view);
const letters = find('[name=letters]', dialog);

const STATUS = {
  joining: 'Joining…', connected: 'Connected', reconnecting: 'Reconnecting…', ended: 'Left',
};

let current = null;

// Runs the call. `ended(sentence)` is told when it is over: null where the person left.
// The devices may still be `opening`: see the lobby.
export function openRoom({ title, media, opening, ...joining }, ended) {
  const call = new Call(joining, media);
  const grid = new Grid(floor, call, askForClick);
  const news = new News(find('.news', view));
  current = { call, grid, media, news, ended, choices: addChoices(find('.choices', dialog), choose) };
  find('.title', view).textContent = title || 'Call';
  document.title = title ? `${title} · Apus` : 'Apus';
  notices.replaceChildren();
  isAsking = false;
  show('room');
  find('.title', view).focus();
  call.addEventListener('change', render);
  call.addEventListener('joined', () => {
    grid.tellAgain();
    news.wait();
  });
  call.addEventListener('refused', event => notice(`You may not share your ${WORDS[event.detail] ?? 'media'} in this room.`));
  call.addEventListener('muted', event => obey(event.detail));
  media.addEventListener('lost', event => lost(event.detail));
  opening?.then(errors => {
    if (current?.media !== media) return;
    sentences(errors).forEach(words => notice(words));
    current.choices.update();
  });
  const speaker = settings.device('speaker');
  if (speaker) grid.speaker(speaker);
  call.start();
  render();
  return call;
}

// Says goodbye, as when the page is closed.
export function leaveRoom() { current?.call.leave(); }

function render() {
  const { call, grid, media, news, choices, ended } = current;
  if (call.state === 'ended') {
    const { error } = call;
    call.removeEventListener('change', render);
    if (dialog.open) dialog.close();
    grid.close();
    news.close();
    choices.close();
    media.close();
    current = null;
    ended(error);
    return;
  }
  grid.render(media);
  const { hindrance } = call;
  const isSharing = Boolean(media.screen) && call.state === 'connected';
  const words = hindrance ?? (isSharing ? 'Your screen is shared' : STATUS[call.state]);
  if (status.textContent !== words) status.textContent = words;
  view.classList.toggle('hindered', Boolean(hindrance));
  view.dataset.state = status.dataset.state = call.state;
  status.classList.toggle('sharing', isSharing);
  if (call.state === 'connected') news.see(call.people.all.filter(person => !person.isMe));
  const count = call.people.all.length;
  find('.count b', view).textContent = count || '';
  find('.alone', view).hidden = call.state !== 'connected' || count > 1;

  const { isHeard, camera, screen } = media;
  dress(buttons.mute, isHeard ? 'mic' : 'mic-off', (isHeard ? 'Mute the microphone' : 'Turn the microphone on') + key('M'), !isHeard);
  dress(buttons.camera, camera ? 'camera' : 'camera-off', (camera ? 'Turn the camera off' : 'Turn the camera on') + key('V'), !camera);
  dress(buttons.share, 'share', (screen ? 'Stop sharing the screen' : 'Share the screen') + key('S'), Boolean(screen));
  dress(buttons.devices, 'settings', 'Devices');
  dress(buttons.leave, 'leave', 'Leave the call');
  buttons.share.hidden = !canShareScreen();
}

// MARK: Controls

const key = letter => settings.letters ? ` (${letter})` : '';
const WORDS = { MICROPHONE: 'microphone', CAMERA: 'camera', SCREEN_SHARE: 'screen', SCREEN_SHARE_AUDIO: 'screen’s sound' };

async function attempt(kind, button, action) {
  // Two clicks while the browser asks are one.
  if (button.disabled) return;
  button.disabled = true;
  try {
    await action(current.media);
  } catch (error) {
    const words = sentence(error, kind);
    if (words) notice(words);
  } finally {
    button.disabled = false;
  }
}

const toggleMute = () => attempt('microphone', buttons.mute, media => media.speak(!media.isHeard));
const toggleCamera = () => attempt('camera', buttons.camera, media => media.camera ? media.closeCamera() : media.openCamera());
const toggleShare = () => attempt('screen', buttons.share, media => media.screen ? media.closeScreen() : media.openScreen());

buttons.mute.addEventListener('click', toggleMute);
buttons.camera.addEventListener('click', toggleCamera);
buttons.share.addEventListener('click', toggleShare);
buttons.leave.addEventListener('click', leaveRoom);
buttons.devices.addEventListener('click', () => {
  current?.choices.update();
  letters.checked = settings.letters;
  dialog.showModal();
});
// A click beside the sheet closes it.
dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });

// Who speaks to the machine, or hits keys by accident, can turn them off (WCAG 2.2, 2.1.4).
letters.addEventListener('change', () => {
  settings.letters = letters.checked;
  render();
});
addEventListener('keydown', event => {
  if (!current || dialog.open || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape') current.grid.enlarge(null);
  if (!settings.letters || event.target.closest('input, textarea, select, [contenteditable]')) return;
  const action = { m: toggleMute, v: toggleCamera, s: canShareScreen() ? toggleShare : null }[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});

async function choose(kind) {
  const { media, grid } = current;
  if (kind === 'speaker') return grid.speaker(settings.device('speaker') ?? '');
  if (kind === 'microphone' && media.microphone) await attempt(kind, buttons.mute, () => media.openMicrophone());
  if (kind !== 'microphone' && media.camera) await attempt('camera', buttons.camera, () => media.openCamera());
}

function obey(source) {
  const { media } = current;
  switch (source) {
    case 'MICROPHONE': media.speak(false); break;
    case 'CAMERA': media.closeCamera(); break;
    default: media.closeScreen();
  }
  notice(`Somebody who looks after this call has turned your ${WORDS[source] ?? 'media'} off.`);
}

function lost(kind) {
  if (kind === 'camera') notice('The camera is gone. Connect one and press the camera button.');
  if (kind === 'microphone') notice('The microphone is gone. Connect one and press the microphone button.');
}

invite.addEventListener('click', async () => {
  const isCopied = await copyText(location.href);
  current?.news.say(isCopied ? 'The link is copied.' : 'The browser does not let this page copy. Copy its address instead.');
});

// MARK: Words

function notice(text, action) {
  const line = document.createElement('p');
  line.textContent = text;
  const close = document.createElement('button');
  close.type = 'button';
  close.textContent = action ? 'Let me hear them' : 'OK';
  close.addEventListener('click', () => {
    line.remove();
    action?.();
  });
  line.append(close);
  notices.append(line);
  while (notices.childElementCount > 2) notices.firstElementChild.remove();
  if (!action) setTimeout(() => line.remove(), 12_000);
}

let isAsking = false;
function askForClick() {
  if (isAsking) return;
  isAsking = true;
  notice('The browser wants a click before it plays the others’ sound.', () => {
    isAsking = false;
    current?.grid.listen();
  });
}
