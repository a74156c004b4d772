// `maitre connect` as a process, against servers that know nothing of maitre.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ListenOptions, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endsWith, Folder, maitre, Program, runMaitre } from '../support/program.js';
import { test } from '../support/test.js';

test('maitre connect sends its input, half-closes at its end, and prints what comes back', async () => {
  // Answers only after the end of the input: without the half-close there would be no answer.
  await using server = await listen((socket) => {
    let heard = '';
    socket.on('data', (chunk) => (heard += String(chunk)));
    socket.on('end', () => socket.end(`heard ${heard}`));
  });
  await using program = new Program([maitre, 'connect', server.target]);
  program.child.stdin?.write('one ');
  program.child.stdin?.end('two\n');
  const { code, stdout, stderr } = await program.ended();
  assert.deepEqual([code, stdout, stderr], [0, 'heard one two\n', '']);
});

test('maitre connect passes on each line while its input stays open', async () => {
  await using server = await listen((socket) => void socket.pipe(socket));
  await using program = new Program([maitre, 'connect', server.target]);
  for (const line of ['first', 'second']) {
    program.child.stdin?.write(`${line}\n`);
    await program.sees(new RegExp(`^${line}\n`, 'm'));
  }
  program.child.stdin?.end();
  const { code, stdout } = await program.ended();
  assert.deepEqual([code, stdout], [0, 'first\nsecond\n']);
});

test("the server's end ends maitre connect, also while its input stays open", async () => {
  await using server = await listen((socket) => void socket.end('bye\n'));
  await using program = new Program([maitre, 'connect', server.target]);
  const { code, stdout, stderr } = await program.ended();
  assert.deepEqual([code, stdout, stderr], [0, 'bye\n', '']);
});

test('maitre connect carries 5 MB both ways at once, byte for byte', async () => {
  await using server = await listen((socket) => void socket.pipe(socket));
  await using program = new Program([maitre, 'connect', server.target]);
  const bytes = randomBytes(5 * 1024 * 1024);
  const back = createHash('sha256');
  let count = 0;
  program.child.stdout?.removeAllListeners('data').setEncoding('latin1');
  program.child.stdout?.on('data', (text: string) => {
    back.update(text, 'latin1');
    count += text.length;
  });
  program.child.stdin?.end(bytes);
  const { code, stderr } = await program.ended();
  assert.deepEqual([code, stderr, count], [0, '', bytes.length]);
  assert.equal(back.digest('hex'), createHash('sha256').update(bytes).digest('hex'));
});

test('maitre connect reads no more of its input than the server takes', async () => {
  const sockets: Socket[] = [];
  await using server = await listen((socket) => void sockets.push(socket.pause()));
  await using program = new Program([maitre, 'connect', server.target]);
  // More than a connection may hold unsent: read at once, it would end the connection.
  const bytes = 96 * 1024 * 1024;
  const input = program.child.stdin;
  assert.ok(input !== null);
  for (let sent = 0; sent < bytes; sent += 65536) input.write(Buffer.alloc(65536));
  input.end();
  while (sockets.length === 0) await delay(10); // it begins to read its input when it has connected
  // Until it has stood still for a while.
  for (let still = 0, left = Infinity; still < 20; still++) {
    await once(input, 'drain', { signal: AbortSignal.timeout(20) }).catch(() => undefined);
    if (input.writableLength !== left) still = 0;
    left = input.writableLength;
  }
  assert.ok(input.writableLength > 0, 'all of it was read');
  const [socket] = sockets;
  assert.ok(socket !== undefined);
  let count = 0;
  socket.on('data', (chunk) => (count += chunk.length));
  socket.resume();
  socket.on('end', () => socket.end());
  socket.resume();
  const { code, stderr } = await program.ended();
  assert.deepEqual([code, stderr, count], [0, '', bytes]);
});

test('maitre connect takes [IPV6]:PORT, :PORT and the path of a Unix socket', async (): Promise<void> => {
  using folder = new Folder();
  const path = join(folder.path, 'x.sock');
  for (const [where, target] of [
    [{ path }, () => path],
    [{ port: 0, host: 'localhost' }, (port: number) => `:${port}`],
    [{ port: 0, host: '::1' }, (port: number) => `[::1]:${port}`],
  ] as const) {
    let server;
    try {
      server = await listen((socket) => void socket.end('bye'), where);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL') continue; // a machine without IPv6
      throw error;
    }
    const { code, stdout, stderr } = await runMaitre(['connect', target(server.port)]);
    assert.deepEqual([code, stdout, stderr], [0, 'bye', ''], target(server.port));
    await server[Symbol.asyncDispose]();
  }
});

test('maitre connect says in one line why it cannot connect, with exit code 1', async () => {
  using folder = new Folder();
  const server = await listen(() => undefined);
  await server[Symbol.asyncDispose]();
  for (const [target, reason] of [
    [server.target, 'nobody listens there (ECONNREFUSED)'],
    [join(folder.path, 'absent'), 'there is no such socket (ENOENT)'],
    [folder.write('file', ''), 'nobody listens there (ECONNREFUSED)'],
    ['no-such-host.invalid:1', 'no such host (ENOTFOUND)'],
  ] as const) {
    const { code, stdout, stderr } = await runMaitre(['connect', target]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.equal(stderr, `maitre: cannot connect to ${target}: ${reason}\n`);
  }
});

test('maitre connect says in one line that the server broke the connection, with exit code 1', async () => {
  await using server = await listen((socket) => {
    socket.write('a part');
    socket.once('data', () => socket.resetAndDestroy());
  });
  await using program = new Program([maitre, 'connect', server.target]);
  await program.sees(/^a part$/);
  program.child.stdin?.write('go');
  const { code, stderr } = await program.ended();
  assert.equal(code, 1);
  assert.match(stderr, /^maitre: Connection lost: .*ECONNRESET\n$/);
});

test('maitre connect ends quietly when nobody takes its output any more', async () => {
  await using server = await listen((socket) => {
    const send = (): void => void socket.write('x'.repeat(65536), (error) => error ?? send());
    send();
  });
  await using program = new Program([maitre, 'connect', server.target]);
  await program.sees(/x/);
  program.child.stdout?.destroy();
  const { code, stderr } = await program.ended();
  assert.deepEqual([code, stderr], [0, '']);
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} ends maitre connect with ${code}`, async () => {
    await using server = await listen((socket) => void socket.write('hi'));
    await using program = new Program([maitre, 'connect', server.target]);
    await program.sees(/hi/);
    const { stderr } = await endsWith(program, signal, code, 3000);
    assert.equal(stderr, '');
  });
}

interface Listening extends AsyncDisposable {
  readonly port: number;
  readonly target: string;
}

async function listen(onSocket: (socket: Socket) => unknown, where: ListenOptions = {}): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.listen(where.path === undefined ? { host: '127.0.0.1', port: 0, ...where } : where);
  await once(server, 'listening');
  const { port = 0 } = server.address() as { port?: number }; // none on a path
  return {
    port,
    target: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
