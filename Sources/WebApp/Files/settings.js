// What this browser remembers between visits. A browser that refuses to remember is no reason to fail.

const PREFIX = 'apus.';

function read(name) {
  try { return localStorage.getItem(PREFIX + name); } catch { return null; }
}

function write(name, value) {
  try {
    if (value === null || value === '') localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch { /* Private windows may have no storage. */ }
}

export const settings = {
  get name() { return read('name') ?? ''; },
  set name(value) { write('name', value); },

  // A smaller picture in one layer: apus.saveData is "true".
  get saveData() { return read('saveData') === 'true'; },
  set saveData(value) { write('saveData', value ? 'true' : null); },

  // Whether M, V and S alone are shortcuts: apus.letters is "false" where they are not.
  get letters() { return read('letters') !== 'false'; },
  set letters(value) { write('letters', value ? null : 'false'); },

  // The chosen device of a kind (camera, microphone, speaker); null where the browser's default is.
  device(kind) { return read(`device.${kind}`); },
  choose(kind, id) { write(`device.${kind}`, id); },
};
