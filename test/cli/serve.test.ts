// `maitre serve` as a process: what it prints, what its options do, and how it ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type Connection, openConnection, TaskGroup } from 'maitre';
import { missing } from '../net/programs.js';
import { freePort } from '../net/sockets.js';
import { endsWith, Folder, maitre, Program, root, runMaitre, startServing } from '../support/program.js';
import { test } from '../support/test.js';

const ECHO = `export default async (reader, writer) => {
  for (let data = await reader.read(65536); data.length > 0; data = await reader.read(65536)) {
    writer.write(data);
    await writer.drain();
  }
};`;

/** Bytes: more than the kernel takes for a client that does not read. */
const LARGE = 32 * 1024 * 1024;

// ---- the banner --------------------------------------------------------------------------------------------------

test('the banner says where it listens and what to type to see it work, with nc only where there is one', async () => {
  using folder = new Folder();
  const file = folder.write('echo.mjs', ECHO);
  {
    await using serving = await startServing([file], { env: { PATH: folder.path } });
    const { port, program } = serving;
    assert.equal(
      program.stdout,
      `serving ${file} on 127.0.0.1:${port}; Ctrl-C ends it\nto see it work, type in another terminal:\n` +
        `    npx maitre connect 127.0.0.1:${port}\n`,
    );
  }
  folder.write('nc', '#!/bin/sh\n', 0o755);
  await using serving = await startServing([file], { env: { PATH: folder.path } });
  const { port, program } = serving;
  assert.match(program.stdout, new RegExp(`:\n    printf hi \\| nc 127\\.0\\.0\\.1 ${port}\n    npx maitre connect `));
});

test('the banner names an address one can connect to when it listens on all', async () => {
  using folder = new Folder();
  await using serving = await startServing([folder.write('echo.mjs', ECHO), '--host', '0.0.0.0']);
  assert.match(serving.program.stdout, /on 0\.0\.0\.0:\d+;/);
  assert.match(serving.program.stdout, /npx maitre connect 127\.0\.0\.1:/);
});

test('--host takes IPv6 and names', async () => {
  using folder = new Folder();
  const file = folder.write('echo.mjs', ECHO);
  await using named = await startServing([file, '--host', 'localhost']);
  assert.equal(await echoed(await openConnection({ port: named.port }), 'hi'), 'hi');
  if (!(await hasIPv6())) return;
  await using six = await startServing([file, '--host', '::1']);
  assert.match(six.program.stdout, /on \[::1\]:\d+;[^]*npx maitre connect \[::1\]:\d+\n/);
  assert.equal(await echoed(await openConnection({ host: '::1', port: six.port }), 'hi'), 'hi');
});

test('--path serves on a Unix socket, which is gone after the end', async () => {
  using folder = new Folder();
  const path = join(folder.path, 'x.sock');
  await using program = new Program([maitre, 'serve', folder.write('echo.mjs', ECHO), '--path', path]);
  await program.sees(/^ {4}npx maitre connect \/.*x\.sock\n/m);
  assert.ok(program.stdout.startsWith(`serving ${folder.path}/echo.mjs on ${path}; Ctrl-C ends it\n`));
  assert.equal(await echoed(await openConnection({ path }), 'hi'), 'hi');
  await program.sees(/x\.sock {2}\d+ ms {2}2 bytes in, 2 out {2}done\n/);
  await endsWith(program, 'SIGTERM', 0, 5000);
  assert.ok(!existsSync(path));
});

// ---- a line for each client ----------------------------------------------------------------------------------------

test('a line tells of each client: peer, duration, bytes, and that it was done', async () => {
  using folder = new Folder();
  await using serving = await startServing([folder.write('echo.mjs', ECHO)]);
  for (const text of ['one', 'three']) {
    const connection = await openConnection({ host: '127.0.0.1', port: serving.port });
    const { port } = connection.local as { port: number }; // TCP
    assert.equal(await echoed(connection, text), text);
    const n = text.length;
    await serving.program.sees(new RegExp(`^127\\.0\\.0\\.1:${port}  \\d+ ms  ${n} bytes in, ${n} out  done\n`, 'm'));
  }
});

test('the line comes when both the connection and its handler have ended, and says how the handler ended', async () => {
  using folder = new Folder();
  const text = `export default async (reader, writer) => {
    writer.write(await reader.read(2));
    await writer.waitClosed();
    const signal = new Promise((resolve) => process.once('SIGUSR2', resolve));
    console.log('gone');
    await signal;
    throw new Error('after the end\\nsecond line');
  };`;
  await using serving = await startServing([folder.write('late.mjs', text)]);
  await using clients = new Clients(serving.port);
  const socket = await clients.open('hi');
  assert.equal(await firstWord(socket), 'hi');
  socket.resetAndDestroy();
  await serving.program.sees(/^gone\n/m);
  assert.doesNotMatch(serving.program.stdout, /bytes in/);
  serving.program.signal('SIGUSR2');
  await serving.program.sees(/^127\S+ {2}\d+ ms {2}2 bytes in, 2 out {2}failed: after the end\n/m);
});

test('the line waits for a client that takes its time to read what the handler has left', async () => {
  using folder = new Folder();
  const text = `export default async (reader, writer) => {
    const word = String(await reader.readExactly(5));
    writer.write(word === 'large' ? 'x'.repeat(${LARGE}) : word);
  };`;
  await using serving = await startServing([folder.write('large.mjs', text)]);
  await using clients = new Clients(serving.port);
  const socket = await clients.open('large');
  assert.equal(await firstWord(socket), 'xxxxx'); // its handler has ended, or is about to
  await clients.open('small');
  await serving.program.sees(/5 bytes in, 5 out {2}done\n/);
  assert.equal(serving.program.stdout.match(/bytes in/g)?.length, 1);
  socket.on('end', () => socket.end()); // until then, the server cannot know that all of it arrived
  socket.resume();
  await serving.program.sees(new RegExp(`5 bytes in, ${LARGE} out  done\n`));
});

test('failed: a handler that throws is told with its stack, and the others are served', async () => {
  using folder = new Folder();
  const text = `export default async (reader, writer) => {
    const word = String(await reader.read(100));
    if (word === 'text') throw 'only text';
    if (word === 'sync') null.x;
    if (word === 'error') throw new Error('the soup is salty');
    writer.write(word);
  };`;
  await using serving = await startServing([folder.write('fails.mjs', text)]);
  for (const [word, line, stack] of [
    [
      'error',
      /failed: the soup is salty\n/,
      /error in the handler of connection \d+ from 127\.0\.0\.1:\d+: Error: the soup is salty\n +at .*fails\.mjs:5/,
    ],
    ['text', /failed: only text\n/, /error in the handler of connection \d+ from .*: only text\n/],
    ['sync', /failed: Cannot read properties of null/, /TypeError: .*\n +at .*fails\.mjs:4/],
  ] as const) {
    assert.equal(await echoed(await openConnection({ host: '127.0.0.1', port: serving.port }), word), '');
    await serving.program.sees(line);
    await serving.program.sees(stack, 'stderr');
  }
  assert.equal(await echoed(await openConnection({ host: '127.0.0.1', port: serving.port }), 'fine'), 'fine');
  await endsWith(serving.program, 'SIGTERM', 0, 5000);
});

test('lost: a client that resets its connection is one line, without a stack', async () => {
  using folder = new Folder();
  await using serving = await startServing([folder.write('echo.mjs', ECHO)]);
  await using clients = new Clients(serving.port);
  const socket = await clients.open('hi');
  assert.equal(await firstWord(socket), 'hi'); // its handler runs
  socket.resetAndDestroy();
  await serving.program.sees(/ms {2}2 bytes in, 2 out {2}lost: .*ECONNRESET.*\n/);
  await endsWith(serving.program, 'SIGTERM', 0, 5000);
  assert.equal(serving.program.stderr, '');
});

test('what a client sent reaches the terminal without control characters, one line a client', async () => {
  using folder = new Folder();
  const text = `export default async (reader, writer) => {
    const line = String(await reader.readLine());
    if (line.startsWith('{')) JSON.parse(line);
    throw line.startsWith('text') ? line : new Error(line);
  };`;
  await using serving = await startServing([folder.write('quotes.mjs', text)]);
  const hostile = '\x1b]0;owned\x07\x1b[2J\r127.0.0.1:1  0 ms  done\u009b31m\x7f\u2028forged';
  for (const word of [hostile, `text ${hostile}`, `{"a": ${hostile}`]) {
    assert.equal(await echoed(await openConnection({ host: '127.0.0.1', port: serving.port }), `${word}\n`), '');
  }
  await serving.program.sees(/(?:failed: [^]*){3}\n/);
  await serving.program.sees(/(?:error in the handler [^]*){3}\n/, 'stderr');
  await endsWith(serving.program, 'SIGTERM', 0, 5000);
  const { stdout, stderr } = serving.program;
  for (const output of [stdout, stderr]) assert.doesNotMatch(output.replaceAll('\n', ''), /[\p{Cc}\p{Zl}\p{Zp}]/u);
  assert.match(
    stdout,
    /failed: \\x1b\]0;owned\\x07\\x1b\[2J\\r127\.0\.0\.1:1 {2}0 ms {2}done\\x9b31m\\x7f\\u2028forged\n/,
  );
  const lines = stdout.split('\n').filter((line) => line.startsWith('127.'));
  assert.equal(lines.length, 3, stdout);
  for (const line of stderr.split('\n')) assert.match(line, /^(?:error in the handler of connection \d+ from | |$)/);
});

test('an error whose message cannot be read ends its own client alone, and is told', async () => {
  using folder = new Folder();
  const text = `export default async (reader, writer) => {
    const word = String(await reader.read(100));
    if (word === 'getter') throw Object.defineProperty(new Error('x'), 'message', { get() { throw new Error('no'); } });
    writer.write(word);
  };`;
  await using serving = await startServing([folder.write('hostile.mjs', text)]);
  assert.equal(await echoed(await openConnection({ host: '127.0.0.1', port: serving.port }), 'getter'), '');
  assert.equal(await echoed(await openConnection({ host: '127.0.0.1', port: serving.port }), 'fine'), 'fine');
  await serving.program.sees(/failed: an object of type Error\n/);
  await endsWith(serving.program, 'SIGTERM', 0, 5000);
});

test('--quiet prints no line about clients, and everything else', async () => {
  using folder = new Folder();
  const text = `export default async (reader) => {
    if (String(await reader.readLine()) === 'salty\\n') throw new Error('the soup is salty');
  };`;
  await using serving = await startServing([folder.write('salty.mjs', text), '--quiet']);
  for (const word of ['fine', 'salty']) {
    assert.equal(await echoed(await openConnection({ host: '127.0.0.1', port: serving.port }), `${word}\n`), '');
  }
  await serving.program.sees(/Error: the soup is salty/, 'stderr');
  const { stdout } = await endsWith(serving.program, 'SIGTERM', 0, 5000);
  assert.match(stdout, /^serving [^]*\nstopping\nstopped: 0 finished, 0 cancelled, 0 aborted\n$/);
  assert.doesNotMatch(stdout, /bytes in/);
});

// ---- limits ------------------------------------------------------------------------------------------------------

for (const option of ['--concurrency', '--max-connections']) {
  test(`${option} 1 serves one client after the other, and loses nothing of those that wait`, async () => {
    using folder = new Folder();
    await using serving = await startServing([folder.write('echo.mjs', ECHO), option, '1']);
    const [first, second, third] = [
      await openConnection({ host: '127.0.0.1', port: serving.port }),
      await openConnection({ host: '127.0.0.1', port: serving.port }),
      await openConnection({ host: '127.0.0.1', port: serving.port }),
    ];
    second.writer.write('second');
    third.writer.write('third');
    for (let i = 0; i < 20; i++) {
      first.writer.write('first');
      assert.equal(String(await first.reader.readExactly(5)), 'first');
    }
    assert.equal(second.bytesRead + third.bytesRead, 0, 'served beside the first');
    await first.close();
    assert.equal(String(await second.reader.readExactly(6)), 'second');
    assert.equal(third.bytesRead, 0, 'served beside the second');
    await second.close();
    assert.equal(String(await third.reader.readExactly(5)), 'third');
    await third.close();
  });
}

// ---- sockets that systemd hands over -------------------------------------------------------------------------------

const noSystemd = missing('systemd-socket-activate');

/** `systemd-socket-activate` before `maitre serve`, which it starts at the first client. */
async function activate(listen: readonly string[], args: readonly string[]): Promise<Program> {
  const places = listen.flatMap((place) => (place.startsWith('-') ? [place] : ['-l', place]));
  const program = new Program([...places, process.execPath, maitre, 'serve', ...args], {
    command: 'systemd-socket-activate',
  });
  await program.sees(/^Listening on .* as 3\.\n/m, 'stderr');
  return program;
}

test(
  'without an address it serves the sockets that systemd hands over, all of them, and leaves their path',
  async () => {
    using folder = new Folder();
    const file = folder.write('echo.mjs', ECHO);
    const [port, path] = [await freePort(), join(folder.path, 'x.sock')];
    await using program = await activate([`127.0.0.1:${port}`, path], [file]);
    assert.equal(await echoed(await openConnection({ path }), 'hi'), 'hi');
    assert.equal(await echoed(await openConnection({ host: '127.0.0.1', port }), 'hello'), 'hello');
    assert.ok(program.stdout.startsWith(`serving ${file} on 127.0.0.1:${port} and ${path}; Ctrl-C ends it\n`));
    await program.sees(/^.*x\.sock {2}\d+ ms {2}2 bytes in, 2 out {2}done\n/m);
    await program.sees(/^127\.0\.0\.1:\d+ {2}\d+ ms {2}5 bytes in, 5 out {2}done\n/m);
    const { stdout } = await endsWith(program, 'SIGTERM', 0, 5000);
    assert.match(stdout, /^stopped: /m);
    assert.ok(existsSync(path));
  },
  { skip: noSystemd },
);

test(
  'the banner shows an abstract Unix socket with an @, and names an address that the commands can reach',
  async () => {
    using folder = new Folder();
    const file = folder.write('echo.mjs', ECHO);
    const [port, name] = [await freePort(), `maitre-cli-${process.pid}`];
    await using program = await activate([`@${name}`, `127.0.0.1:${port}`], [file]);
    assert.equal(await echoed(await openConnection({ host: '127.0.0.1', port }), 'hi'), 'hi');
    assert.ok(program.stdout.startsWith(`serving ${file} on @${name} and 127.0.0.1:${port}; Ctrl-C ends it\n`));
    assert.match(program.stdout, new RegExp(`\n    npx maitre connect 127\\.0\\.0\\.1:${port}\n`));
  },
  { skip: noSystemd },
);

test(
  'an address that was given wins over sockets that were handed over, and one line says so',
  async () => {
    using folder = new Folder();
    const [port, path] = [await freePort(), join(folder.path, 'own.sock')];
    await using program = await activate([`127.0.0.1:${port}`], [folder.write('echo.mjs', ECHO), '--path', path]);
    const unserved = await openConnection({ host: '127.0.0.1', port });
    await program.sees(/own\.sock;/);
    assert.match(program.stderr, /^maitre: the sockets that were handed over are not served: an address was given\n/m);
    assert.equal(await echoed(await openConnection({ path }), 'hi'), 'hi');
    unserved.abort();
    await unserved.close();
  },
  { skip: noSystemd },
);

test(
  'a connection that was handed over, as with Accept=yes, is one line and exit code 1',
  async () => {
    using folder = new Folder();
    const port = await freePort();
    await using program = await activate(['--accept', `127.0.0.1:${port}`], [folder.write('echo.mjs', ECHO)]);
    const client = await openConnection({ host: '127.0.0.1', port });
    await program.sees(
      /^maitre: cannot listen on descriptor 3: it is connected, .*, expected a listening .*\n/m,
      'stderr',
    );
    await program.sees(/ died with code 1\n/, 'stderr');
    client.abort();
    await client.close();
  },
  { skip: noSystemd },
);

test('FILE and what it starts find no variables of sockets, and those of another process are told and not used', async () => {
  using folder = new Folder();
  const text =
    "console.log('variables', Object.keys(process.env).filter((name) => name.startsWith('LISTEN_')).length);";
  const file = folder.write('shows.mjs', `${text}\n${ECHO}`);
  const env = { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'web' };
  const hint = /^maitre: LISTEN_PID is 1 and this is process \d+: .* npx and npm start a process of their own: .*\n/m;
  {
    await using program = new Program([maitre, 'serve', file], { env }); // its default port may be in use: no matter
    await program.sees(/^variables 0\n/m);
    assert.match(program.stderr, hint);
  }
  await using serving = await startServing([file], { env });
  assert.match(serving.program.stdout, /^variables 0\n/m);
  assert.equal(serving.program.stderr, '');
});

test(
  'variables that make no sense are one line and exit code 1',
  async () => {
    using folder = new Folder();
    const file = folder.write('echo.mjs', ECHO);
    const script = 'LISTEN_PID=$$ LISTEN_FDS=two exec "$0" "$@"';
    await using program = new Program(['-c', script, process.execPath, maitre, 'serve', file], { command: 'sh' });
    const { code, stdout, stderr } = await program.ended();
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^maitre: Cannot take over listening sockets: LISTEN_FDS must be .*, got "two"\n$/);
  },
  { skip: process.platform === 'win32' && 'there is no sh' },
);

// ---- what stands in the way ----------------------------------------------------------------------------------------

test('a port in use is told in one line, with exit code 1', async () => {
  using folder = new Folder();
  const file = folder.write('echo.mjs', ECHO);
  await using serving = await startServing([file]);
  const { code, stdout, stderr } = await runMaitre(['serve', file, '--port', String(serving.port)]);
  assert.deepEqual([code, stdout], [1, '']);
  assert.equal(
    stderr,
    `maitre: cannot listen on 127.0.0.1:${serving.port}: somebody listens there already; choose another with --port\n`,
  );
});

test('a path in use, one that is no socket, and one in no folder are told in one line, with exit code 1', async () => {
  using folder = new Folder();
  const file = folder.write('echo.mjs', ECHO);
  const path = join(folder.path, 'x.sock');
  await using program = new Program([maitre, 'serve', file, '--path', path]);
  await program.sees(/npx maitre/);
  for (const [where, line] of [
    [path, /somebody listens there already; end it, or choose another --path\n$/],
    [file, /^maitre: cannot listen on .*echo\.mjs: the file exists and is not a socket\n$/],
    [join(folder.path, 'no/x.sock'), /^maitre: cannot listen on .*x\.sock: there is no folder \/.*\/no\n$/],
    [join(file, 'x.sock'), /^maitre: cannot listen on .*x\.sock: \/.*\/echo\.mjs is not a folder\n$/],
    [join(file, 'no/x.sock'), /^maitre: cannot listen on .*x\.sock: there is no folder \/.*\/echo\.mjs\/no\n$/],
  ] as const) {
    const { code, stdout, stderr } = await runMaitre(['serve', file, '--path', where]);
    assert.deepEqual([code, stdout], [1, ''], stderr);
    assert.match(stderr, /^maitre: cannot listen on .*\n$/, 'not one line');
    assert.match(stderr, line);
  }
  assert.equal(readFileSync(file, 'utf8'), ECHO, 'it was overwritten');
});

test('an address of nobody is told in one line, with exit code 1', async () => {
  using folder = new Folder();
  const file = folder.write('echo.mjs', ECHO);
  for (const [host, why] of [
    ['192.0.2.1', 'this machine has no such address (EADDRNOTAVAIL)'],
    ['no-such-host.invalid', 'no such host (ENOTFOUND)'],
  ] as const) {
    const { code, stdout, stderr } = await runMaitre(['serve', file, '--host', host, '--port', '0']);
    assert.deepEqual([code, stdout], [1, '']);
    assert.equal(stderr, `maitre: cannot listen on ${host}:0: ${why}\n`);
  }
});

/** Ports below this are for the administrator. */
const privileged = existsSync('/proc/sys/net/ipv4/ip_unprivileged_port_start')
  ? Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  : 1024;
const isRoot = process.getuid?.() === 0;

test(
  'a privileged port is told in one line, with exit code 1',
  async () => {
    using folder = new Folder();
    // The file is loaded before the server listens: the administrator turns into somebody else there.
    const text = `if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }\n${ECHO}`;
    const { code, stdout, stderr } = await runMaitre(['serve', folder.write('nobody.mjs', text), '--port', '1']);
    assert.deepEqual([code, stdout], [1, ''], stderr);
    assert.equal(
      stderr,
      'maitre: cannot listen on 127.0.0.1:1: permission denied; ports below 1024 are for the administrator\n',
    );
  },
  { skip: privileged < 2 && 'this system has no privileged ports' },
);

test('a Unix socket in a folder that is not there is told in one line, with exit code 1', async () => {
  using folder = new Folder();
  const path = join(folder.path, 'no', 'x.sock');
  const { code, stdout, stderr } = await runMaitre(['serve', folder.write('echo.mjs', ECHO), '--path', path]);
  const state = `there is no folder ${join(folder.path, 'no')}`;
  assert.deepEqual([code, stdout, stderr], [1, '', `maitre: cannot listen on ${path}: ${state}\n`]);
});

test(
  'a Unix socket in a folder of somebody else is told in one line, with exit code 1',
  async () => {
    using folder = new Folder();
    const text = `process.setgroups([]); process.setgid(65534); process.setuid(65534);\n${ECHO}`;
    const path = join(folder.path, 'x.sock');
    const { code, stdout, stderr } = await runMaitre(['serve', folder.write('nobody.mjs', text), '--path', path]);
    assert.deepEqual([code, stdout, stderr], [1, '', `maitre: cannot listen on ${path}: permission denied\n`]);
  },
  { skip: !isRoot && 'only the administrator can turn into somebody else' },
);

// ---- the end -----------------------------------------------------------------------------------------------------

/** Never reads, never ends, never stops writing, ignores its cancel, or ends well: what the client's first word says. */
const DIFFICULT = `export default async (reader, writer) => {
  const word = String(await reader.readExactly(5));
  writer.write('right');
  if (word === 'stuck') await new Promise(() => {});
  if (word === 'flood') for (;;) { writer.write('x'.repeat(65536)); await writer.drain(); }
  if (word === 'waits') await writer.waitClosed();
  if (word === 'reads') writer.write(await reader.read());
};`;

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends it with 0 within the grace and 3 seconds, whatever its clients and handlers do`, async () => {
    using folder = new Folder();
    await using serving = await startServing([folder.write('difficult.mjs', DIFFICULT), '--grace', '500']);
    await using clients = new Clients(serving.port);
    // None of them reads after the first answer, and none of them ends.
    for (const word of ['stuck', 'flood', 'waits', 'reads', 'quick']) {
      assert.equal(await firstWord(await clients.open(word)), 'right');
    }
    await clients.open('?'); // its handler waits for the rest of the word
    await serving.program.sees(/5 bytes in, 5 out {2}done\n/);
    const start = performance.now();
    const { stdout, stderr } = await endsWith(serving.program, signal, 0, 500 + 3000);
    assert.ok(performance.now() - start >= 500, 'it did not wait for the grace');
    assert.match(stdout, /^stopping: 5 clients get up to 0\.5 s to finish; a second signal ends it at once$/m);
    // The server lingers for what a client still sends, so one whose handler has ended may count as cancelled.
    const [, finished, cancelled, aborted] =
      /^stopped: (\d) finished, (\d) cancelled, (\d) aborted$/m.exec(stdout) ?? [];
    assert.deepEqual([Number(finished) + Number(cancelled), aborted], [3, '2'], stdout);
    assert.match(stdout, /5 bytes in, 5 out {2}cancelled\n/);
    assert.match(stderr, /The handler of connection \d+ from \S+ did not end with the server/);
  });
}

test('a handler that ends only with the command has its line too', async () => {
  using folder = new Folder();
  const text = `import { sleep } from '${pathToFileURL(join(root, 'dist/index.node.js')).href}';
  export default async (reader, writer) => {
    writer.write('right');
    await sleep(60000).catch(() => {}); // its first cancel, by the shutdown
    await sleep(60000);
  };`;
  await using serving = await startServing([folder.write('ignores.mjs', text), '--grace', '0']);
  await using clients = new Clients(serving.port);
  assert.equal(await firstWord(await clients.open('hello')), 'right');
  const { stdout } = await endsWith(serving.program, 'SIGTERM', 0, 6000);
  assert.match(stdout, /^stopped: 0 finished, 0 cancelled, 1 aborted\n/m);
  assert.match(stdout, / 5 out {2}cancelled\n/);
});

test('a client in the middle of a message gets its answer before the end', async () => {
  using folder = new Folder();
  const text = `export default async (reader, writer) => {
    const begin = await reader.readExactly(4);
    console.log('heard', String(begin));
    writer.write('got ' + begin + await reader.readLine());
  };`;
  await using serving = await startServing([folder.write('line.mjs', text)]);
  const connection = await openConnection({ host: '127.0.0.1', port: serving.port });
  connection.writer.write('one ');
  await serving.program.sees(/^heard one \n/m);
  const end = endsWith(serving.program, 'SIGTERM', 0, 10_000);
  await serving.program.sees(/stopping: 1 client gets up to 10 s/);
  connection.writer.write('line\n');
  const answer = String(await connection.reader.read());
  await connection.close();
  const { stdout } = await end;
  assert.match(stdout, /^stopped: 1 finished, 0 cancelled, 0 aborted$/m);
  // Whole if it came within the time after which a silent client counts as idle, which a busy machine may miss.
  assert.match(answer, /^got one (line\n)?$/);
});

for (const [first, second, code] of [
  ['SIGTERM', 'SIGTERM', 143],
  ['SIGINT', 'SIGINT', 130],
  ['SIGINT', 'SIGTERM', 143],
] as const) {
  test(`a second signal, ${second} after ${first}, ends it at once with ${code}`, async () => {
    using folder = new Folder();
    await using serving = await startServing([folder.write('difficult.mjs', DIFFICULT), '--grace', '60000']);
    const connection = await openConnection({ host: '127.0.0.1', port: serving.port });
    connection.writer.write('stuck');
    await connection.reader.readExactly(5);
    serving.program.signal(first);
    await serving.program.sees(/^stopping: /m);
    await endsWith(serving.program, second, code, 3000);
    connection.abort();
    await connection.close();
  });
}

test('it ends with 0 while 200 clients come and go', async () => {
  using folder = new Folder();
  await using serving = await startServing([folder.write('echo.mjs', ECHO)]);
  const { program, port } = serving;
  let served = 0;
  let ending: Promise<unknown> | undefined;
  await TaskGroup.run((group) => {
    for (let i = 0; i < 200; i++) {
      group.createTask(async () => {
        const connection = await openConnection({ host: '127.0.0.1', port }).catch(() => undefined);
        if (connection === undefined) return; // it came after the end
        const answer = await echoed(connection, `client ${i}`).catch(() => '');
        if (answer === `client ${i}`) served++;
        else assert.equal(answer, '', 'a part of the answer');
        if (served === 50) ending ??= endsWith(program, 'SIGTERM', 0, 10_000);
      });
    }
  });
  await ending;
  assert.ok(served >= 50);
  const lines = [...program.stdout.matchAll(/ bytes in, /g)].length;
  assert.ok(lines >= served, `${lines} lines for ${served} clients`);
  assert.equal(program.stderr, '');
});

test('it ends when slow readers have taken all of its output', async () => {
  using folder = new Folder();
  const text = `export default async (reader, writer) => {
    console.log('Z'.repeat(1000000));
    console.error('begun');
    await reader.read();
    console.error('Z'.repeat(1000000));
  };`;
  await using serving = await startServing([folder.write('talks.mjs', text)]);
  const { child } = serving.program;
  const exit = once(child, 'exit');
  child.stdout?.pause();
  const connection = await openConnection({ host: '127.0.0.1', port: serving.port });
  await serving.program.sees(/begun\n/, 'stderr');
  child.stderr?.pause();
  const end = endsWith(serving.program, 'SIGTERM', 0, 5000);
  assert.equal((await connection.reader.read()).length, 0);
  await connection.close();
  await Promise.race([exit, delay(300)]); // it has nothing else to do but to end
  child.stdout?.resume();
  child.stderr?.resume();
  const { stdout, stderr } = await end;
  for (const output of [stdout, stderr]) assert.equal(/^Z+$/m.exec(output)?.[0].length, 1_000_000);
  assert.match(stdout, /^stopping: 1 client gets/m);
  assert.match(stdout, / 0 bytes in, 0 out {2}done\n/);
  assert.match(stdout, /^stopped: 1 finished, 0 cancelled, 0 aborted\n/m);
});

test('a reader of its output that has stopped reading does not hold its end up', async () => {
  using folder = new Folder();
  const file = folder.write('talks.mjs', `console.log('x'.repeat(1000000));\n${ECHO}`);
  await using program = new Program([maitre, 'serve', file, '--port', '0']);
  const { stdout } = program.child;
  const exit = once(program.child, 'exit');
  await once(stdout as NodeJS.ReadableStream, 'data');
  stdout?.pause();
  await delay(300); // the banner cannot tell that it serves
  program.signal('SIGTERM');
  const start = performance.now();
  await exit;
  assert.ok(performance.now() - start < 5000, 'it waited');
  stdout?.resume();
});

test('it goes on when nobody reads its output any more', async () => {
  using folder = new Folder();
  await using serving = await startServing([folder.write('echo.mjs', ECHO)]);
  serving.program.child.stdout?.destroy();
  for (const word of ['first', 'second', 'third']) {
    assert.equal(await echoed(await openConnection({ host: '127.0.0.1', port: serving.port }), word), word);
  }
  await endsWith(serving.program, 'SIGTERM', 0, 5000);
  assert.equal(serving.program.stderr, '');
});

test('timers and sockets that the file left behind do not keep it alive', async () => {
  using folder = new Folder();
  const text = `import { createServer } from 'node:net';\nsetInterval(() => {}, 1000);\ncreateServer().listen(0);\n${ECHO}`;
  await using serving = await startServing([folder.write('leftovers.mjs', text)]);
  await endsWith(serving.program, 'SIGTERM', 0, 3000);
});

/** Sends a text and its end, and returns all that comes back. */
async function echoed(connection: Connection, text: string): Promise<string> {
  connection.writer.write(text);
  connection.writer.writeEof();
  try {
    return String(await connection.reader.read());
  } finally {
    await connection.close();
  }
}

/** Clients that know nothing of maitre, gone at the end of their block. */
class Clients implements AsyncDisposable {
  readonly #port: number;
  readonly #sockets: Socket[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** Connects, sends a word, and reads nothing. */
  async open(word: string): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: this.#port, allowHalfOpen: true });
    this.#sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(word);
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
      if (!socket.closed) await once(socket, 'close');
    }
  }
}

/** The first bytes a socket gets, at most 5. It reads no more. */
async function firstWord(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  return String(chunk.subarray(0, 5));
}

function hasIPv6(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(0, '::1', () => server.close(() => resolve(true)));
  });
}

// ---- the inspector -----------------------------------------------------------------------------------------------

test('--inspect lets others look into it, and says how', async () => {
  using folder = new Folder();
  const env = { XDG_RUNTIME_DIR: folder.path };
  await using serving = await startServing([folder.write('echo.mjs', ECHO), '--inspect'], { env });
  const { pid } = serving.program.child;
  await serving.program.sees(
    new RegExp(`\\nto look into it, type or open:\\n    npx maitre ps ${pid}\\n    npx maitre console ${pid}\\n`),
  );
  assert.ok(existsSync(join(folder.path, `maitre/${pid}.sock`)));
});

test('--inspect shows FILE as the program, and takes the words of MAITRE_INSPECT', async () => {
  using folder = new Folder();
  const env = { XDG_RUNTIME_DIR: folder.path, MAITRE_INSPECT: 'control,record' };
  const file = folder.write('echo.mjs', ECHO);
  await using serving = await startServing([file, '--inspect'], { env });
  const pid = `${serving.program.child.pid}`;
  const { stdout } = await runMaitre(['ps', pid], { env });
  assert.match(stdout, new RegExp(`^pid ${pid} · echo\\.mjs · `, 'm'));
  const cancelled = await runMaitre(['cancel', '4711', pid, '--yes'], { env });
  assert.match(cancelled.stderr, /4711/);
  assert.doesNotMatch(cancelled.stderr, /control/);
  const recorded = await runMaitre(['record', pid, '-o', '-'], { env });
  assert.doesNotMatch(recorded.stderr, /does not run/);
});

test('--inspect in a folder that others can enter says so and does not start', async () => {
  using folder = new Folder();
  chmodSync(folder.path, 0o755);
  mkdirSync(join(folder.path, 'maitre'), { mode: 0o755 });
  const env = { XDG_RUNTIME_DIR: folder.path };
  const { code, stderr } = await runMaitre(['serve', folder.write('echo.mjs', ECHO), '--inspect'], { env });
  assert.notEqual(code, 0);
  assert.match(stderr, /Cannot start inspector: the folder .* has the mode 755, expected 700/);
});
