// The choice of devices, in the lobby and in the call.

import { find, stamp } from './dom.js';
import { canChooseSpeaker, listDevices } from './devices.js';
import { settings } from './settings.js';

// Fills `place`. `chosen(kind)` is told after a choice was remembered: camera, microphone, speaker or saveData.
// → {update, close}: brings the lists up to date, and takes all of it away again.
export function addChoices(place, chosen) {
  place.replaceChildren(stamp('choices'));
  find('.speaker', place).hidden = !canChooseSpeaker();
  const saving = find('[name=saveData]', place);
  saving.addEventListener('change', () => {
    settings.saveData = saving.checked;
    chosen('saveData');
  });
  const selects = [...place.querySelectorAll('select')];
  for (const select of selects) {
    select.addEventListener('change', () => {
      settings.choose(select.name, select.value);
      chosen(select.name);
    });
  }

  const update = async () => {
    saving.checked = settings.saveData;
    const lists = await listDevices();
    for (const select of selects) {
      const devices = lists[select.name];
      const options = devices.map(({ id, label }) => new Option(label, id));
      if (!options.length) options.push(new Option('The browser’s default', ''));
      select.replaceChildren(...options);
      select.disabled = devices.length < 2;
      const wanted = settings.device(select.name);
      if (devices.some(device => device.id === wanted)) select.value = wanted;
    }
  };
  navigator.mediaDevices?.addEventListener?.('devicechange', update);
  update();
  return {
    update,
    close() {
      navigator.mediaDevices?.removeEventListener?.('devicechange', update);
      place.replaceChildren();
    },
  };
}
