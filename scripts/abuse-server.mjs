// The servers that scripts/abuse.mjs abuses, each a process of its own: `node scripts/abuse-server.mjs ROLE`. It prints its ports
// on one line, and serves until it is killed.

import { BlockList } from 'node:net';
import { createTask, run, startServer } from '../dist/index.node.js';

const HOST = '127.0.0.1';
const MIB = 1024 * 1024;

const roles = {
  refuser: startRefusers,
  echo: () => start(echoWith((line) => line)),
  'text-echo': () => start(echoWith(String)),
  hoarder: () =>
    start(
      echoWith((line) => line),
      { maxTotalBuffered: 128 * MIB },
    ),
  scanned: startScanned,
  quoting: startQuoting,
};

const [role = ''] = process.argv.slice(2);
if (!Object.hasOwn(roles, role)) throw new Error(`Cannot be abused: unknown role ${JSON.stringify(role)}`);
await run(async () => {
  const servers = await roles[role]();
  console.log(`ports ${servers.map((server) => server.addresses[0].port).join(' ')}`);
  await Promise.all(servers.map((server) => server.waitClosed())); // never: it is killed
});

async function start(handler, options = {}) {
  return [await startServer(handler, { host: HOST, ...options })];
}

/** Sends every line back, and forgets to drain, as people do. */
function echoWith(form) {
  return async (reader, writer) => {
    for await (const line of reader) writer.write(form(line));
  };
}

/**
 * One server for each way to refuse 127.0.0.2. `count` is answered with how many handlers ran for others than 127.0.0.1, and
 * `stall MS` holds the loop up, so that whoever comes meanwhile waits in the kernel.
 */
async function startRefusers() {
  const [block, allow] = [new BlockList(), new BlockList()];
  block.addAddress('127.0.0.2');
  allow.addAddress(HOST);
  let strangers = 0;
  const handler = async (reader, writer, { peer }) => {
    if (peer.address !== HOST) strangers++;
    for await (const line of reader.lines()) {
      const [word, ms] = line.split(' ');
      if (word === 'stall') for (const until = performance.now() + Number(ms); performance.now() < until;);
      if (word === 'count') writer.write(`${strangers}\n`);
    }
  };
  const quiet = { host: HOST, onError: () => undefined };
  return Promise.all([{ block }, { allow }].map((how) => startServer(handler, { ...quiet, ...how })));
}

/** What a port scan meets: a handler in the middle of a message, a PROXY header that is expected, TLS, and a limit by address. */
async function startScanned() {
  const handler = async (reader) => void (await reader.readExactly(1000));
  const key = process.env.ABUSE_KEY;
  const tls = { key, cert: process.env.ABUSE_CERT };
  const ways = [{}, { proxyProtocol: true }, { maxPerIp: 1 }, ...(key === undefined ? [] : [{ tls }])];
  return Promise.all(ways.map((how) => startServer(handler, { host: HOST, ...how })));
}

/** Errors that quote what a client sent, in every place where one is reported by default. */
async function startQuoting() {
  const handler = async (reader) => {
    const line = String(await reader.readLine());
    createTask(
      () => {
        throw new Error(`in a task: ${line}`);
      },
      { name: line },
    );
    if (line.startsWith('{')) JSON.parse(line);
    throw line.startsWith('text') ? line : new Error(line);
  };
  return Promise.all([{}, { proxyProtocol: true }].map((how) => startServer(handler, { host: HOST, ...how })));
}
