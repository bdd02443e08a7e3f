// The socket of a call: messages in protobuf's JSON, each an object with one member. Keys are lowerCamel, enumerations are names, what has
// its default value is left out.

import { socketURL } from './api.js';

const OPENING = 6_000;

export class Signal {
  #socket;
  #receive;
  #closed;
  #timers = [];
  #lastPong = 0;

  // `receive(kind, body)` gets each message, the join first; `closed()` is told once when the socket is of no more use.
  constructor(token, receive, closed) {
    this.#receive = receive;
    this.#closed = closed;
    this.#socket = new WebSocket(socketURL(token));
    const opening = setTimeout(() => this.#end(), OPENING);
    this.#timers.push(opening);
    this.#socket.onmessage = event => {
      if (typeof event.data !== 'string') return;
      for (const [kind, body] of Object.entries(JSON.parse(event.data))) {
        if (kind === 'join') {
          clearTimeout(opening);
          this.#keepAlive(body);
        }
        if (kind === 'pong') this.#lastPong = performance.now();
        this.#receive(kind, body);
      }
    };
    this.#socket.onclose = () => this.#end();
    this.#socket.onerror = () => this.#end();
  }

  send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close() {
    this.#closed = () => {};
    this.#end();
  }

  // A dead network closes no socket: only missing answers tell.
  #keepAlive({ pingInterval = 5, pingTimeout = 15 }) {
    this.#lastPong = performance.now();
    this.#timers.push(setInterval(() => {
      if (performance.now() - this.#lastPong > pingTimeout * 1_000) this.#end();
      else this.send({ ping: String(Date.now()) });
    }, pingInterval * 1_000));
  }

  #end() {
    this.#timers.forEach(clearTimeout);
    this.#socket.onmessage = this.#socket.onclose = this.#socket.onerror = null;
    this.#socket.close();
    const closed = this.#closed;
    this.#closed = () => {};
    closed();
  }
}
