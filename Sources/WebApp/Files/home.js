// The first page: makes a room and hands out its link.

import { makeRoom } from './api.js';
import { copyText, find, show, tell } from './dom.js';

const view = document.getElementById('home');
const form = document.getElementById('make');
const made = document.getElementById('made');
const link = find('[data-testid=link]', made);
const copy = find('[data-testid=copy]', made);

export function openHome() {
  document.title = 'Apus';
  form.hidden = false;
  made.hidden = true;
  tell(find('.problem', form), null);
  show('home');
}

form.addEventListener('submit', async event => {
  event.preventDefault();
  const button = find('button', form);
  button.disabled = true;
  tell(find('.problem', form), null);
  try {
    const room = await makeRoom(form.elements.title.value.trim());
    const until = new Date(room.expires * 1000);
    const day = until.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' });
    const time = until.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    find('.until', made).textContent = ` until ${day}, ${time}`;
    link.value = location.origin + room.link;
    find('a', made).href = room.link;
    form.hidden = true;
    made.hidden = false;
    find('h2', made).focus();
  } catch (error) {
    tell(find('.problem', form), error.message);
  } finally {
    button.disabled = false;
  }
});

link.addEventListener('focus', () => link.select());

copy.addEventListener('click', async () => {
  const words = find('span', copy);
  if (await copyText(link.value)) {
    words.textContent = 'Copied';
    setTimeout(() => { words.textContent = 'Copy'; }, 2_000);
  } else {
    link.focus();
  }
});
