// Small words for the document.

export const find = (selector, root = document) => root.querySelector(selector);

// A fresh copy of what a template holds: its only element, or a fragment of several.
export function stamp(id) {
  const copy = document.getElementById(id).content.cloneNode(true);
  return copy.childElementCount === 1 ? copy.firstElementChild : copy;
}

// Shows one of the views and hides the others.
export function show(id) {
  for (const view of ['home', 'lobby', 'room', 'end']) document.getElementById(view).hidden = view !== id;
}

// Says a sentence in a place that is hidden while there is none.
export function tell(place, sentence) {
  place.textContent = sentence ?? '';
  place.hidden = !sentence;
}

export function setIcon(icon, name) {
  const use = icon.firstElementChild;
  if (use.getAttribute('href') !== `#icon-${name}`) use.setAttribute('href', `#icon-${name}`);
}

// A button of the call: an icon, and the same words as its label and as what hovering shows. The words say what a press would do; that the state
// `isUnusual` is for the eye only, or it would be told twice, and the second time with the opposite meaning.
export function dress(button, icon, label, isUnusual = false) {
  if (!button.firstElementChild) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.classList.add('icon');
    svg.setAttribute('aria-hidden', 'true');
    svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'use'));
    button.append(svg);
  }
  setIcon(button.firstElementChild, icon);
  button.setAttribute('aria-label', label);
  button.title = label;
  button.classList.toggle('unusual', isUnusual);
}

// Plays a track in an element, and touches the element only where the track is another one: a new stream costs a flicker.
export function play(element, track) {
  const stream = element.srcObject;
  if (track ? stream?.getTracks().includes(track) : !stream) return;
  element.srcObject = track ? new MediaStream([track]) : null;
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
