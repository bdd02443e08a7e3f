// Before the call: what others will see, which devices, which name.

import { exchange } from './api.js';
import { addChoices } from './choices.js';
import { LocalMedia, sentences } from './devices.js';
import { dress, find, play, show, tell } from './dom.js';
import { readInvitation } from './invitation.js';
import { startMeter } from './meter.js';
import { settings } from './settings.js';

const view = document.getElementById('lobby');
const form = document.getElementById('enter');
const preview = find('[data-testid=preview]', view);
const muteButton = find('[data-control=mute]', view);
const cameraButton = find('[data-control=camera]', view);
const mediaProblem = find('.mirror .problem', view);
const problem = find('.problem', form);

let media = null;
// What will come of asking for the camera and the microphone; null once it has come and was told.
let opening = null;
let invitation = null;
let entered = () => {};
let stopMeter = () => {};
let choices = null;

// Opens the lobby of an invitation. `enter({invitation, token, title, media, opening, …})` is called when the person joins: the media is
// theirs from then on, and `opening`, unless it is null, → {camera: error?, microphone: error?} once the devices answer.
export async function openLobby(text, enter) {
  invitation = text;
  entered = enter;
  const claims = readInvitation(text);
  const title = claims?.title || 'a call';
  find('h1', form).textContent = title;
  document.title = claims?.title ? `${claims.title} · Apus` : 'Apus';
  form.elements.name.value = settings.name;
  tell(problem, null);
  tell(mediaProblem, null);
  show('lobby');
  (settings.name ? find('[data-testid=join]', form) : form.elements.name).focus({ preventScroll: true });

  const mine = media = new LocalMedia();
  media.addEventListener('change', render);
  choices = addChoices(find('.choices', form), choose);
  render();
  opening = mine.openBoth();
  const errors = await opening;
  // They have joined or left meanwhile.
  if (media !== mine) return;
  opening = null;
  complain(errors);
  choices.update();
}

// Leaves without joining: nothing stays open.
export function closeLobby() {
  stopMeter();
  choices?.close();
  choices = null;
  media?.close();
  media = null;
}

function render() {
  if (!media) return;
  play(preview, media.camera);
  view.classList.toggle('dark-mirror', !media.camera);
  dress(muteButton, media.isHeard ? 'mic' : 'mic-off', media.isHeard ? 'Turn the microphone off' : 'Turn the microphone on', !media.isHeard);
  dress(cameraButton, media.camera ? 'camera' : 'camera-off', media.camera ? 'Turn the camera off' : 'Turn the camera on', !media.camera);
  stopMeter();
  stopMeter = startMeter(find('.level', view), media.isHeard ? media.microphone : null);
}

function complain(errors) {
  const both = errors.camera?.name === 'NotAllowedError' && errors.microphone?.name === 'NotAllowedError';
  tell(mediaProblem, both
    ? 'Camera and microphone were refused. Allow them beside the address of this page, or join without: you will see and hear the others.'
    : sentences(errors).join(' '));
}

async function attempt(kind, action) {
  complain({});
  try { await action(); } catch (error) { complain({ [kind]: error }); }
  choices?.update();
}

muteButton.addEventListener('click', () => attempt('microphone', () => media.speak(!media.isHeard)));
cameraButton.addEventListener('click', () => attempt('camera', () => media.camera ? media.closeCamera() : media.openCamera()));

async function choose(kind) {
  if (kind === 'microphone') await attempt(kind, () => media.openMicrophone());
  if ((kind === 'camera' || kind === 'saveData') && media.camera) await attempt('camera', () => media.openCamera());
}

form.addEventListener('submit', async event => {
  event.preventDefault();
  const name = form.elements.name.value.trim();
  if (!name) {
    tell(problem, 'Please give a name.');
    form.elements.name.focus();
    return;
  }
  const button = find('[data-testid=join]', form);
  button.disabled = true;
  tell(problem, null);
  try {
    const personal = await exchange(invitation, name);
    settings.name = name;
    const mine = media;
    mine.removeEventListener('change', render);
    media = null;
    preview.srcObject = null;
    closeLobby();
    entered({ ...personal, invitation, media: mine, opening });
  } catch (error) {
    tell(problem, error.message);
  } finally {
    button.disabled = false;
  }
});
