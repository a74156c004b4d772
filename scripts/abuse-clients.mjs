// The clients of scripts/abuse.mjs, of node:net alone. As a program, `node scripts/abuse-clients.mjs flood PORT`, it floods a server
// with small lines and reads every answer, until it is killed: in a process of its own, it slows nobody who measures.

import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const HOST = '127.0.0.1';

/** A client that asks a line and reads a line. */
export class Client {
  #text = '';
  #waiting;

  constructor(port) {
    this.socket = connect({ port, host: HOST, noDelay: true });
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.socket.setEncoding('utf8').on('error', () => undefined);
    this.socket.on('data', (text) => {
      this.#text += text;
      this.#waiting?.();
    });
    this.socket.on('close', () => this.#waiting?.());
  }

  /** Sends a line and returns the next one that comes; undefined after the end, or after `ms`. */
  async ask(line, ms = 10_000) {
    this.socket.write(`${line}\n`);
    const until = performance.now() + ms;
    while (!this.#text.includes('\n')) {
      const left = until - performance.now();
      if (left <= 0 || this.socket.destroyed) return undefined;
      await Promise.race([new Promise((resolve) => (this.#waiting = resolve)), delay(left, undefined, { ref: false })]);
    }
    const [answer] = this.#text.split('\n', 1);
    this.#text = this.#text.slice(answer.length + 1);
    return answer;
  }

  end() {
    this.socket.destroy();
    return this.closed;
  }
}

/** Opens `count` sockets, at most `atOnce` of them at a time, does `use` with each once it has connected, and waits for its end. */
export async function visit(count, use, { port, localAddress, atOnce = 200 }) {
  let left = count;
  const visitOne = () =>
    new Promise((resolve) => {
      const socket = connect({ port, host: HOST, localAddress });
      socket.on('connect', () => use(socket)).on('error', () => undefined);
      socket.on('close', resolve).setTimeout(10_000, () => socket.destroy());
    });
  await Promise.all(
    Array.from({ length: Math.min(atOnce, count) }, async () => {
      while (left-- > 0) await visitOne();
    }),
  );
}

/** Writes small lines as fast as the server takes them, reading nothing, until the server ends it or `ms` have passed. */
export async function pipeline(port, ms) {
  const socket = connect({ port, host: HOST }).pause();
  const lines = Buffer.alloc(65_536, 'x\n');
  const ended = new Promise((resolve) => socket.on('close', resolve));
  socket.on('error', () => undefined);
  const send = () => {
    while (!socket.destroyed && socket.write(lines));
  };
  socket.on('connect', send).on('drain', send);
  const outcome = await Promise.race([ended.then(() => 'ended'), delay(ms, 'running', { ref: false })]);
  const { bytesWritten } = socket;
  socket.destroy();
  return { outcome, bytesWritten };
}

function flood(port) {
  const socket = connect({ port, host: HOST });
  const lines = Buffer.alloc(65_536, 'x\n');
  const send = () => {
    while (socket.write(lines));
  };
  socket.on('connect', send).on('drain', send).resume();
  socket.on('error', () => undefined).on('close', () => process.exit(1));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) flood(Number(process.argv[3]));
