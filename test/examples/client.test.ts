import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { endsWith, type Ended, Program, programArgs } from '../support/program.js';
import { test } from '../support/test.js';

test('client opens many connections at once and counts the answers', async () => {
  // Answers only when all are there: a client that took one after the other would never get an answer.
  const waiting: Socket[] = [];
  await using server = await listen((socket) => {
    waiting.push(socket);
    if (waiting.length === 300) for (const each of waiting) each.end('hello');
  });
  const { code, stdout, stderr } = await runClient(server.target, '300');
  assert.equal(stderr, '');
  assert.match(
    stdout,
    /^300 connections to 127\.0\.0\.1:\d+ in \d+ ms\n {2}300 answered, the fastest after \d+ ms, .*\n$/,
  );
  assert.equal(code, 0);
});

test('client gives up on those that do not answer in time, and counts those that fail, each by itself', async () => {
  let count = 0;
  await using server = await listen((socket) => {
    count++;
    if (count % 3 === 1) socket.end('hello');
    else if (count % 3 === 2) socket.end();
  });
  const { code, stdout } = await runClient(server.target, '30', '1000');
  assert.match(stdout, /^ {2}10 answered, /m);
  assert.match(stdout, /^ {2}10 had no answer within 1000 ms$/m);
  assert.match(stdout, /^ {2}10 failed: the server ended the connection without an answer$/m);
  assert.equal(code, 1);
});

test('client tells a refused connection and a missing target in one line each', async () => {
  const server = await listen(() => undefined);
  await server[Symbol.asyncDispose]();
  const refused = await runClient(server.target, '3');
  assert.match(refused.stdout, /^ {2}0 answered\n {2}3 failed: .*ECONNREFUSED.*\n$/m);
  assert.equal(refused.code, 1);
  const missing = await runClient();
  assert.deepEqual([missing.code, missing.stderr], [2, 'usage: client.ts HOST:PORT [CONNECTIONS] [MILLISECONDS]\n']);
});

test('SIGTERM ends client with 143 and closes its connections', async () => {
  const ends: Promise<unknown>[] = [];
  let allThere: () => void;
  const there = new Promise<void>((resolve) => (allThere = resolve));
  await using server = await listen((socket) => {
    ends.push(new Promise((resolve) => socket.on('close', resolve)));
    if (ends.length === 5) allThere();
  });
  await using program = new Program(programArgs('examples/client.ts', server.target, '5'));
  await there;
  const { stdout } = await endsWith(program, 'SIGTERM', 143, 5000);
  await Promise.all(ends);
  assert.equal(stdout, '');
});

async function runClient(...args: string[]): Promise<Ended> {
  await using program = new Program(programArgs('examples/client.ts', ...args));
  return await program.ended();
}

/** A server that knows nothing of maitre. */
async function listen(onSocket: (socket: Socket) => void): Promise<AsyncDisposable & { target: string }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.resume();
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number }; // it listens on TCP
  return {
    target: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
