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
export const exchange = (invitation, name) => post('/api/join', { invitation, name });

// Why a socket with this token is refused: a Refusal that is final, or null where trying again may help. A socket itself can't tell.
export async function refusal(token) {
  try {
    const query = new URLSearchParams({ json: 1, access_token: token });
    const response = await fetch(`/rtc/v1/validate?${query}`, { signal: AbortSignal.timeout(3_000) });
    if (response.status !== 401 && response.status !== 403) return null;
    return new Refusal(response.status, (await response.text()).trim());
  } catch {
    return null;
  }
}

export const socketURL = token =>
  `${location.origin.replace(/^http/, 'ws')}/rtc/v1?${new URLSearchParams({ json: 1, access_token: token })}`;
