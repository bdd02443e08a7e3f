// What the page asks of the server by plain HTTP.

// A refusal of the server: the status, and the sentence that it gave.
export class Refusal extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

const UNREACHABLE = 'The server can’t be reached. Check your network and try again.';

async function post(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal: AbortSignal.timeout(15_000),
    });
  } catch {
    throw new Refusal(0, UNREACHABLE);
  }
  if (response.ok) return response.json();
  throw new Refusal(response.status, (await response.text()).trim() || UNREACHABLE);
}

// → {room, invitation, link, expires}
export const makeRoom = title => post('/api/rooms', title ? { title } : {});

// → {token, room, identity, name, title}
export async function exchange(invitation, name) {
  try {
    return await post('/api/join', { invitation, name });
  } catch (refusal) {
    // What is wrong with a signature is nothing that a guest could put right.
    if (refusal.status === 401) refusal.message = 'This link does not work on this server. Ask for a new one.';
    throw refusal;
  }
}

// What the server says of a socket with this token, which can't tell itself: {status, sentence}; the status is 0 where nothing answers.
export async function validate(token) {
  try {
    const query = new URLSearchParams({ json: 1, access_token: token });
    const response = await fetch(`/rtc/v1/validate?${query}`, { signal: AbortSignal.timeout(3_000) });
    return { status: response.status, sentence: (await response.text()).trim() };
  } catch {
    return { status: 0, sentence: UNREACHABLE };
  }
}

export const socketURL = token =>
  `${location.origin.replace(/^http/, 'ws')}/rtc/v1?${new URLSearchParams({ json: 1, access_token: token })}`;
