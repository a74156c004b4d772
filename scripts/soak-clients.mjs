// The second process of scripts/soak.mjs: all of its clients. Started by it, with its options and the server's port.
//
//   connect all; rounds: everybody talks, a share leaves and others come in their place, the server is looked at; everybody
//   leaves, it is looked at again; connect all; everybody talks until the server ends.
//
// What the server holds is looked at when it has let go of those who left, or after SETTLE ms: a line `look {...}` for each,
// with the figures of both processes. Then `talking`, at which the server is to be ended, and in the end `report {...}`, or
// `failed ...` as soon as a client has not got what it should.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createTask, openConnection, run, Semaphore, sleep, timeout } from '../dist/index.node.js';
import { seeded } from './seeded.mjs';
import { measureLive } from './soak-memory.mjs';

/** How many connects are under way at once. */
const CONNECTING = 200;
/** The share of the clients that leaves in each round, and resets in the end while the server ends. */
const CHURN = 0.2;
/** Loopback addresses the clients come from: those who leave keep their ports for a minute, some 28,000 per address. */
const ADDRESSES = 8;
/** How long an answer may take, ms. */
const PATIENCE = 60_000;
/** How long the server gets to let go of those who left, ms. */
const SETTLE = 5000;
/** How long the clients talk before the server is ended, ms. */
const TALK = 1000;
/** Bytes of a message: most are short, a few take several writes and reads. */
const SHORT = 1000;
const LONG = 40_000;

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    'server-pid': { type: 'string' },
    connections: { type: 'string' },
    rounds: { type: 'string' },
    messages: { type: 'string' },
    seed: { type: 'string' },
  },
});
const {
  port,
  'server-pid': serverPid,
  connections,
  rounds,
  messages,
  seed,
} = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));

const random = seeded(seed);
/** What the messages are cut from: bytes that are lost, doubled or swapped show. */
const text = Array.from({ length: 2 * LONG }, () => String.fromCharCode(33 + Math.floor(random() * 94))).join('');
const counts = { opened: 0, echoed: 0, left: 0, leftInRounds: 0, rude: 0, resetAtEnd: 0, clean: 0 };
/** Of those who saw the server's end: number and answers. */
const answered = [];
const connecting = new Semaphore(CONNECTING);

try {
  await run(main);
  console.log(`report ${JSON.stringify({ ...counts, answered })}`);
} catch (error) {
  console.log(`failed ${error.message}`);
}

async function main() {
  const control = await openConnection(addressOf(0));
  const idle = await look(control, 'idle');
  const full = { handlers: idle.handlers + connections, descriptors: idle.descriptors + connections };
  let clients = await connectAll();
  full.tasks = (await look(control, 'open', full)).tasks;
  for (let round = 0; round < rounds; round++) {
    clients = await inParallel(clients, (client) => playRound(client));
    await look(control, `round ${round + 1}`, full);
  }
  counts.leftInRounds = counts.left;
  clients = await inParallel(clients, leave); // nobody
  await look(control, 'empty', idle);
  clients = await connectAll();
  await look(control, 'open again', full);
  control.writer.writeEof();
  await control.close();
  setTimeout(() => console.log('talking'), TALK);
  await inParallel(clients, talkToTheEnd);
}

/** Calls `fn` for each, all at once, and waits for all. @throws Error that tells of those that failed */
async function inParallel(items, fn) {
  const results = [];
  const failures = [];
  const tasks = items.map((item) =>
    createTask(async () => {
      try {
        results.push(await fn(item));
      } catch (error) {
        failures.push(error.message);
      }
    }),
  );
  for (const task of tasks) await task;
  if (failures.length > 0) throw new Error(`${failures.length} clients failed, the first: ${failures[0]}`);
  return results;
}

function connectAll() {
  return inParallel(Array.from({ length: connections }), connect);
}

/** A new client: connected, with the answer to its first message. `sent` counts its messages, `count` their answers. */
async function connect() {
  const number = ++counts.opened;
  const next = seeded(Math.floor(random() * 2 ** 31));
  await connecting.acquire();
  try {
    const connection = await openConnection(addressOf(number));
    const client = { number, sent: 0, count: 0, connection, next };
    await talk(client, 1);
    return client;
  } finally {
    connecting.release();
  }
}

function addressOf(number) {
  return { host: '127.0.0.1', port, localAddress: `127.0.0.${2 + (number % ADDRESSES)}` };
}

async function playRound(client) {
  // One after the other, or all at once.
  if (client.next() < 0.5) await talk(client, messages);
  else for (let i = 0; i < messages; i++) await talk(client, 1);
  if (client.next() >= CHURN) return client;
  await leave(client);
  return connect();
}

/** Leaves in one of the ways in which clients do. */
async function leave(client) {
  const { connection } = client;
  const way = Math.floor(client.next() * 4);
  counts.left++;
  if (way === 0) {
    connection.writer.writeEof();
    const rest = await connection.reader.read();
    if (rest.length > 0) throw new Error(`client ${client.number}: ${rest.length} bytes after its last answer`);
    await connection.close();
    return;
  }
  counts.rude++;
  const message = makeMessage(client);
  if (way === 1) connection.writer.write(message); // reset with an answer on its way
  if (way === 2) for (let i = 0; i < 20; i++) connection.writer.write(makeMessage(client)); // ... with many, unread
  if (way === 3) connection.writer.write(message.slice(0, message.length / 2)); // ends inside a message
  await sleep(client.next() * 10);
  if (way === 3) await connection.close();
  else connection.abort();
}

/** Sends `many` messages at once and compares their answers. @throws Error when the connection ends, or an answer does not come */
async function talk(client, many) {
  try {
    if ((await timeout(PATIENCE, () => exchange(client, many))) === 'answered') return;
  } catch (error) {
    throw new Error(`client ${client.number}, after ${client.count} answers: ${error.message}`, { cause: error });
  }
  throw new Error(`client ${client.number}, after ${client.count} answers: the server ended the connection`);
}

/** Sends `many` messages at once and compares their answers. The result says whether the server's end came instead. */
async function exchange(client, many) {
  const { reader, writer } = client.connection;
  const sent = Array.from({ length: many }, () => makeMessage(client));
  for (const message of sent) writer.write(message);
  for (const message of sent) {
    const answer = await reader.readLine();
    if (answer.length === 0) return 'ended';
    if (answer.toString('latin1') !== message) {
      const [got, wanted] = [answer.toString('latin1'), message].map((each) => JSON.stringify(each.slice(0, 40)));
      throw new Error(`answer is ${got}, sent was ${wanted}`);
    }
    client.count++;
    counts.echoed++;
  }
  return 'answered';
}

async function talkToTheEnd(client) {
  const resetAt = client.next() < CHURN ? performance.now() + client.next() * 2 * TALK : Infinity;
  for (;;) {
    await sleep(client.next() * 200);
    if (performance.now() > resetAt) {
      client.connection.writer.write(makeMessage(client));
      client.connection.abort();
      counts.resetAtEnd++;
      return;
    }
    if ((await exchange(client, 1)) === 'answered') continue;
    counts.clean++;
    answered.push([client.number, client.count]);
    await client.connection.close();
    return;
  }
}

/** A line that begins with its client's number, and its own. */
function makeMessage(client) {
  const { number, next } = client;
  const length = Math.floor(next() ** 3 * (next() < 0.01 ? LONG : SHORT));
  const from = Math.floor(next() * LONG);
  return `${number} ${++client.sent} ${text.slice(from, from + length)}\n`;
}

/** Tells what both processes hold, as soon as the server's figures are the wanted ones, or after SETTLE. */
async function look(control, when, wanted = {}) {
  const until = performance.now() + SETTLE;
  const settled = (figures) => Object.entries(wanted).every(([name, value]) => figures[name] === value);
  let figures = await countAll(control);
  while (!settled(figures) && performance.now() < until) {
    await delay(50);
    figures = await countAll(control);
  }
  // Before the collections: what the process takes in its own time.
  const resident = 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${serverPid}/status`, 'utf8'))[1]);
  const { heap, external } = await ask(control, '? gc');
  const { heap: clientHeap, external: clientExternal } = await measureLive();
  const memory = { resident, heap, external, clientHeap, clientExternal };
  console.log(`look ${JSON.stringify({ when, ...figures, ...memory, wanted })}`);
  return figures;
}

async function countAll(control) {
  return { ...(await ask(control, '?')), descriptors: readdirSync(`/proc/${serverPid}/fd`).length };
}

async function ask({ reader, writer }, question) {
  writer.write(`${question}\n`);
  return JSON.parse(String(await reader.readLine()));
}
