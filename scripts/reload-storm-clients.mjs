// The clients of reload-storm.mjs, as a process of its own: HTTP at a fixed rate, half of it over connections
// that stay open; raw TCP; streams of events. It speaks bytes, so that it sees what a library hides, and is light.
//
// How a connection ended, as its client sees it:
// - `refused`: it could not connect;
// - `before`: a request was sent, and the connection ended before the first byte of its answer;
// - `half`: it ended within an answer, well or by a reset;
// - `idle`: it ended between two answers, which is what a server may do at any time.
// Those of a worker that was killed are counted apart: the parent says which were, and when.
import { connect } from 'node:net';

const [httpPort, rawPort] = process.env.RELOAD_STORM_PORTS.split(',').map(Number);
const RATE = 2000;
const KEPT = 50;
const RAW = 200;
const STREAMS = 50;
/** Milliseconds between two lines of a raw client. */
const RAW_PAUSE = 500;
/** Milliseconds between two rounds of requests. */
const ROUND = 10;
/** Requests that may be under way at once, of those that open a connection. More are left out, and counted. */
const MOST_OPEN = 400;
/** Bytes of a body. */
const BODY = 2000;

const totals = { requests: 0, answers: 0, lines: 0, events: 0, streams: 0, connects: 0, late: 0 };
/** Ends that are no good ones: kind, worker (0: not known), place. */
const faults = [];
/**
 * By worker that was killed: how many of its connections have ended since, and how many of those that had the whole
 * of their last answer. The latter may have ended before it was killed, or with it.
 */
const killed = new Map();
/** Milliseconds until answers came, of HTTP. */
const times = [];
let running = true;
const open = new Set();

/** One connection. `onData` returns true when it has an answer to its last request. */
class Client {
  constructor(port, kind, onOpen) {
    totals.connects++;
    this.kind = kind;
    this.worker = 0;
    /** A request is under way; a byte of its answer has come. */
    this.asked = false;
    this.began = false;
    this.isOpen = false;
    this.ended = false;
    this.expected = false;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket = socket;
    socket.on('connect', () => {
      this.isOpen = true;
      open.add(this);
      onOpen(this);
    });
    socket.on('data', (data) => {
      if (this.asked) this.began = true;
      this.onData(data);
    });
    socket.on('error', (error) => this.end(error));
    socket.on('end', () => {
      this.end(undefined);
      socket.end();
    });
    socket.on('close', () => this.end(undefined));
  }

  ask(text) {
    this.asked = true;
    this.began = false;
    this.socket.write(text);
  }

  answered() {
    this.asked = false;
    this.began = false;
  }

  /** The server ended it, or the test. */
  end(error) {
    if (this.ended) return;
    this.ended = true;
    open.delete(this);
    const kind = !this.isOpen ? 'refused' : this.began ? 'half' : this.asked ? 'before' : 'idle';
    const death = killed.get(this.worker) ?? (this.worker === 0 && kind === 'before' ? latestDeath() : undefined);
    if (death !== undefined && this.expected) death.whole++;
    else if (death !== undefined) death.seen++;
    if (kind !== 'idle' && running && !this.expected) {
      faults.push({ kind, of: this.kind, worker: this.worker, code: error?.code ?? 'end', dead: death !== undefined });
    }
    this.onEnd?.(kind);
  }

  close() {
    this.expected = true;
    this.socket.destroy();
  }
}

/** A request without an answer whose worker is not known, just after a worker was killed: it was that one's. */
function latestDeath() {
  const last = [...killed.values()].at(-1);
  return last !== undefined && performance.now() - last.at < 1000 ? last : undefined;
}

// ---- HTTP ----------------------------------------------------------------------------------------------------------

/** Reads answers of a known length, and says when one is complete. */
class HttpClient extends Client {
  constructor(isKept, onOpen) {
    super(httpPort, isKept ? 'kept' : 'closed', onOpen);
    this.isKept = isKept;
    this.head = '';
    this.left = 0;
  }

  get() {
    totals.requests++;
    this.sentAt = performance.now();
    this.ask(`GET / HTTP/1.1\r\nHost: storm\r\n${this.isKept ? '' : 'Connection: close\r\n'}\r\n`);
  }

  onData(data) {
    if (this.left === 0) {
      this.head += data.latin1Slice();
      const end = this.head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.head.slice(0, end);
      if (!head.startsWith('HTTP/1.1 200'))
        faults.push({ kind: head.slice(9, 12), of: this.kind, worker: 0, code: '' });
      this.worker = Number(/x-worker: (\d+)/i.exec(head)?.[1] ?? 0);
      this.closes = /connection: close/i.test(head);
      this.left = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? BODY) - (this.head.length - end - 4);
      this.head = '';
    } else this.left -= data.length;
    if (this.left > 0) return;
    this.left = 0;
    totals.answers++;
    if (totals.answers % 16 === 0) times.push(performance.now() - this.sentAt);
    this.answered();
    this.expected = !this.isKept || this.closes; // the server ends it now
    this.onAnswer?.();
  }
}

/** Connections that stay open, and the requests that wait for one. */
const free = [];
function keep() {
  const client = new HttpClient(true, () => free.push(client));
  client.onAnswer = () => {
    if (client.closes) client.onEnd = () => undefined;
    if (client.closes) again(keep);
    else free.push(client);
  };
  client.onEnd = () => {
    const at = free.indexOf(client);
    if (at >= 0) free.splice(at, 1);
    again(keep);
  };
}

function again(start) {
  if (running) setTimeout(() => start(), 1);
}

let openNow = 0;
function once() {
  if (openNow >= MOST_OPEN) {
    totals.late++;
    return;
  }
  openNow++;
  const client = new HttpClient(false, () => client.get());
  client.onEnd = () => void openNow--;
}

let due = 0;
let last = performance.now();
function round() {
  const now = performance.now();
  due += ((now - last) / 1000) * (RATE / 2);
  last = now;
  for (; due >= 1; due--) {
    once();
    const client = free.shift();
    if (client === undefined) totals.late++;
    else client.get();
  }
}

// ---- lines and events ----------------------------------------------------------------------------------------------

function raw() {
  let text = '';
  let timer;
  const client = new Client(rawPort, 'raw', () => {
    timer = setInterval(() => {
      if (!client.asked && !client.ended) client.ask('hello\n');
    }, RAW_PAUSE);
    client.ask('hello\n');
  });
  client.onData = (data) => {
    text += data.latin1Slice();
    if (!text.endsWith('\n')) return;
    client.worker = Number.parseInt(text, 10);
    text = '';
    totals.lines++;
    client.answered();
  };
  client.onEnd = () => {
    clearInterval(timer);
    again(raw);
  };
}

function stream() {
  let tail = '';
  const client = new Client(httpPort, 'events', () => client.ask('GET /events HTTP/1.1\r\nHost: storm\r\n\r\n'));
  client.onData = (data) => {
    const text = data.latin1Slice();
    const worker = /data: (\d+)/.exec(text)?.[1];
    if (worker !== undefined) client.worker = Number(worker);
    totals.events++;
    tail = (tail + text).slice(-7);
    if (!tail.endsWith('\r\n0\r\n\r\n')) return;
    totals.streams++;
    client.answered(); // it ended well
    client.close();
    client.onEnd?.();
    client.onEnd = undefined;
  };
  client.onEnd = () => again(stream);
}

// ---- the parent ----------------------------------------------------------------------------------------------------

let rounds;
const orders = {
  start() {
    for (let i = 0; i < KEPT; i++) keep();
    for (let i = 0; i < RAW; i++) raw();
    for (let i = 0; i < STREAMS; i++) stream();
    orders.resume();
  },
  /** Nothing but what stays open, so that figures can be compared. */
  pause() {
    clearInterval(rounds);
  },
  resume() {
    last = performance.now();
    rounds = setInterval(round, ROUND);
  },
  /** A worker is killed now: every end of its clients is its own. */
  killing({ worker }) {
    killed.set(worker, { at: performance.now(), seen: 0, whole: 0 });
  },
  report() {
    times.sort((a, b) => a - b);
    const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
    let [seen, whole] = [0, 0];
    for (const death of killed.values()) {
      seen += death.seen;
      whole += death.whole;
    }
    const ms = { p50: at(0.5), p99: at(0.99), max: at(1) };
    process.send({ totals, faults, seen, whole, open: open.size, ms });
  },
  stop() {
    running = false;
    clearInterval(rounds);
    for (const client of open) client.close();
    process.disconnect();
  },
};
process.on('message', (order) => orders[order.order](order));
process.on('disconnect', () => process.exit());
