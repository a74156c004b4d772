// The tutorial is a program with a port of its own: a copy with a free one is run.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { openConnection, timeout } from 'maitre';
import { endsWith, Program, programArgs, root } from '../support/program.js';
import { nextTurn, test } from '../support/test.js';

test('the tutorial says hello to each client and prints what it received', async () => {
  await using tutorial = await start();
  for (const word of ['first', 'second']) {
    const connection = await openConnection({ host: '127.0.0.1', port: tutorial.port });
    connection.writer.write(word);
    assert.equal(String(await connection.reader.read()), 'Hello, Client!');
    await connection.close();
    await tutorial.program.sees(new RegExp(`^Received: ${word}$`, 'm'));
  }
  assert.equal(tutorial.program.stderr, '');
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} ends the tutorial with ${code}, and the client it waits for reads the end`, async () => {
    await using tutorial = await start();
    const connection = await openConnection({ host: '127.0.0.1', port: tutorial.port });
    const { stderr } = await endsWith(tutorial.program, signal, code, 5000);
    assert.equal(stderr, '');
    // It had sent nothing, so its handler read an empty end and answered.
    assert.equal(String(await connection.reader.read()), 'Hello, Client!');
    await connection.close();
  });
}

/** Starts a copy of the tutorial and waits until it accepts: it prints nothing before its first client. */
async function start(): Promise<AsyncDisposable & { program: Program; port: number }> {
  const source = readFileSync(join(root, 'examples/tutorial.ts'), 'utf8');
  const port = await freePort();
  const copy = source.replace('port: 8002', `port: ${port}`);
  assert.notEqual(copy, source);
  // Inside the package, so that it may import it by name.
  const folder = join(root, 'build/tutorial');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `tutorial-${port}.ts`);
  writeFileSync(file, copy);
  const program = new Program(programArgs(file));
  const tutorial = {
    program,
    port,
    async [Symbol.asyncDispose](): Promise<void> {
      await program[Symbol.asyncDispose]();
      rmSync(file);
    },
  };
  try {
    await timeout(10_000, async () => {
      while (!(await accepts(port))) await nextTurn();
    });
  } catch (error) {
    await tutorial[Symbol.asyncDispose]();
    throw new Error(`the tutorial does not accept clients: ${program.stderr}`, { cause: error });
  }
  // That was a client too: wait until it is served, so that the output has no lines of it later.
  await program.sees(/^Received: $/m);
  return tutorial;
}

/** Whether somebody accepts connections at the port. The one that finds out is closed again. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let answer = false;
    socket.on('error', () => undefined);
    socket.on('connect', () => {
      answer = true;
      socket.end();
    });
    socket.on('close', () => resolve(answer));
    socket.resume();
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number }; // it listens on TCP
  server.close();
  await once(server, 'close');
  return port;
}
