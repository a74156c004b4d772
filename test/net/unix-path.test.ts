import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { openConnection, startServer } from 'maitre';
import { bindName, inTermsOf, LONGEST_PATH, takeBerth } from '#src/net/unix-path.js';
import { test } from '../support/test.js';
import { echo, isNode, RawClient, temporaryFolder, until } from './sockets.js';

/** A socket file on which nobody answers: what a killed server leaves. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer().listen(`${path}.bound`);
  await until(() => server.listening);
  renameSync(`${path}.bound`, path); // so that closing does not remove it
  server.close();
  await until(() => !server.listening);
  assert.ok(statSync(path).isSocket());
}

async function echoes(path: string): Promise<void> {
  const { reader, writer } = await openConnection({ path });
  writer.write('hi\n');
  assert.equal(String(await reader.readLine()), 'hi\n');
  writer.close();
  await writer.waitClosed();
}

test('a Unix server serves at its path, says so, and takes the path away when it closes', async () => {
  using dir = temporaryFolder();
  const path = dir.at('s');
  const ends: unknown[] = [];
  const server = await startServer(
    async (reader, writer, { peer, local }) => {
      ends.push(peer, local);
      await echo(reader, writer, undefined as never);
    },
    { path },
  );
  assert.deepEqual(server.addresses, [{ path }]);
  assert.deepEqual(readdirSync(dir.folder), ['s']);
  await echoes(path);
  assert.deepEqual(ends, [{ path }, { path }]);
  server.close();
  assert.deepEqual(readdirSync(dir.folder), []);
  await server.waitClosed();
  await assert.rejects(openConnection({ path }), { code: 'ENOENT' });
});

test('connections outlive the path', async () => {
  using dir = temporaryFolder();
  const path = dir.at('s');
  const server = await startServer(echo, { path });
  const client = await openConnection({ path });
  server.close();
  client.writer.write('still\n');
  assert.equal(String(await client.reader.readLine()), 'still\n');
  await client.close();
  await server.waitClosed();
});

test('a socket nobody answers on is replaced', async () => {
  using dir = temporaryFolder();
  const path = dir.at('s');
  await leaveStale(path);
  const server = await startServer(echo, { path });
  await echoes(path);
  await server.shutdown();
  assert.equal(existsSync(path), false);
});

test('a socket that answers is EADDRINUSE, and goes on', async () => {
  using dir = temporaryFolder();
  const path = dir.at('s');
  const first = await startServer(echo, { path });
  await assert.rejects(startServer(echo, { path }), (error: NodeJS.ErrnoException) => {
    assert.equal(error.code, 'EADDRINUSE');
    assert.ok(error.message.includes(path));
    return true;
  });
  assert.deepEqual(readdirSync(dir.folder), ['s']);
  await echoes(path);
  await first.shutdown();
});

test('of servers that start at once on one path, one wins and the others get EADDRINUSE', async () => {
  using dir = temporaryFolder();
  const path = dir.at('s');
  await leaveStale(path);
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => startServer(echo, { path })));
  const servers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.equal((outcome.reason as NodeJS.ErrnoException).code, 'EADDRINUSE');
  }
  assert.equal(servers.length, 1);
  await echoes(path);
  await servers[0]?.shutdown();
  assert.deepEqual(readdirSync(dir.folder), []);
});

test('anything but a socket is an error and stays', async () => {
  using dir = temporaryFolder();
  writeFileSync(dir.at('file'), 'precious');
  mkdirSync(dir.at('folder'));
  symlinkSync('file', dir.at('link'));
  symlinkSync('nowhere', dir.at('dangling'));
  for (const name of ['file', 'folder', 'link', 'dangling']) {
    await assert.rejects(startServer(echo, { path: dir.at(name) }), { message: /exists and is not a socket/ });
  }
  assert.deepEqual(readdirSync(dir.folder).toSorted(), ['dangling', 'file', 'folder', 'link']);
});

test('a folder that is not there is an error', async () => {
  using dir = temporaryFolder();
  await assert.rejects(startServer(echo, { path: dir.at('none/s') }), (error: NodeJS.ErrnoException) => {
    assert.match(String(error.code), /^(ENOENT|EACCES)$/); // libuv says EACCES
    return true;
  });
});

test('a path that is somebody else’s by now is not unlinked', async () => {
  using dir = temporaryFolder();
  const path = dir.at('s');
  const first = await startServer(echo, { path });
  unlinkSync(path);
  const second = await startServer(echo, { path });
  await first.shutdown();
  await echoes(path);
  unlinkSync(path);
  writeFileSync(path, 'a file');
  await second.shutdown();
  assert.deepEqual(readdirSync(dir.folder), ['s']);
});

test('a path removed meanwhile, or its whole folder, is no error at the end', async () => {
  using dir = temporaryFolder();
  mkdirSync(dir.at('sub'));
  const servers = [await startServer(echo, { path: dir.at('s') }), await startServer(echo, { path: dir.at('sub/s') })];
  unlinkSync(dir.at('s'));
  rmSync(dir.at('sub'), { recursive: true });
  for (const server of servers) await server.shutdown();
  assert.deepEqual(readdirSync(dir.folder), []);
});

test('a path as long as the kernel takes serves, and one byte more is a RangeError at once', async () => {
  using dir = temporaryFolder();
  const path = dir.at('x'.repeat(LONGEST_PATH - dir.folder.length - 1));
  assert.equal(Buffer.byteLength(path), LONGEST_PATH);
  const server = await startServer(echo, { path });
  await echoes(path);
  await server.shutdown();
  assert.deepEqual(readdirSync(dir.folder), []);
  await assert.rejects(startServer(echo, { path: `${path}x` }), RangeError);
  await assert.rejects(openConnection({ path: `${path}x` }), RangeError);
});

test('a path too long for a second name beside it serves all the same', async () => {
  using dir = temporaryFolder();
  const folder = dir.at('d'.repeat(LONGEST_PATH - dir.folder.length - 4));
  mkdirSync(folder);
  const path = `${folder}/s`;
  assert.equal(bindName(path), path);
  const server = await startServer(echo, { path });
  await echoes(path);
  await server.shutdown();
  assert.deepEqual(readdirSync(folder), []);
});

test('mode is the permission of the socket, whatever the umask, and nothing stays beside it', async () => {
  using dir = temporaryFolder();
  const path = dir.at('s');
  for (const mode of [0o600, 0o666, 0o660, 0]) {
    const server = await startServer(echo, { path, mode });
    assert.equal((statSync(path).mode & 0o777).toString(8), mode.toString(8));
    assert.deepEqual(readdirSync(dir.folder), ['s']);
    if (mode === 0o600) await echoes(path);
    await server.shutdown();
    assert.deepEqual(readdirSync(dir.folder), []);
  }
});

test('a socket with a mode cannot be found before it has it', async () => {
  using dir = temporaryFolder();
  const berth = takeBerth(dir.at('s'), 0o600);
  assert.equal(dirname(dirname(berth.name)), dir.folder);
  assert.equal((statSync(dirname(berth.name)).mode & 0o777).toString(8), '700');
  berth.leave();
  assert.deepEqual(readdirSync(dir.folder), []);
});

test('a server with a mode that cannot listen leaves nothing', async () => {
  using dir = temporaryFolder();
  const path = dir.at('s');
  const server = await startServer(echo, { path });
  await assert.rejects(startServer(echo, { path, mode: 0o600 }), { code: 'EADDRINUSE' });
  assert.deepEqual(readdirSync(dir.folder), ['s']);
  await server.shutdown();
});

for (const mode of [undefined, 0o600]) {
  test(`an error of listening names the path that was asked for${mode === undefined ? '' : ', with a mode too'}`, async () => {
    using dir = temporaryFolder();
    writeFileSync(dir.at('file'), '');
    const missing = dir.at('no/such');
    await assert.rejects(startServer(echo, { path: `${missing}/s`, mode }), {
      message: `Cannot listen on ${missing}/s: ${missing} does not exist`,
      code: 'ENOENT',
      address: `${missing}/s`,
    });
    await assert.rejects(startServer(echo, { path: dir.at('file/s'), mode }), {
      message: `Cannot listen on ${dir.at('file/s')}: ${dir.at('file')} is not a folder`,
      code: 'ENOTDIR',
    });
  });
}

test('inTermsOf puts the path in the place of a name of ours, and leaves other words as they are', () => {
  using dir = temporaryFolder();
  const path = dir.at('s');
  const system = Object.assign(new Error(`listen EACCES: permission denied ${dir.at('.mAbCdEfGh')}`), {
    code: 'EACCES',
    syscall: 'listen',
  });
  const error = inTermsOf(path, system, dir.at('.mAbCdEfGh')) as NodeJS.ErrnoException & { address?: string };
  assert.equal(error.message, `listen EACCES: permission denied ${path}`);
  assert.deepEqual([error.code, error.syscall, error.address], ['EACCES', 'listen', path]);
  assert.equal(inTermsOf(path, new Error('out of luck'), dir.at('.m')).message, 'out of luck');
});

test('the name bound beside the path is a new one each time', () => {
  assert.notEqual(bindName('/tmp/s'), bindName('/tmp/s'));
  assert.match(bindName('/tmp/s'), /^\/tmp\/\.m/);
});

test(
  'an abstract name of Linux is bound as it is',
  async () => {
    const path = `\0maitre-test-${process.pid}`;
    const server = await startServer(echo, { path });
    await echoes(path);
    await assert.rejects(startServer(echo, { path }), { code: 'EADDRINUSE' });
    await server.shutdown();
    await assert.rejects(openConnection({ path }), { code: 'ECONNREFUSED' });
  },
  { skip: process.platform !== 'linux' && 'only Linux has abstract names' },
);

test(
  'a peer without a name of its own shows the path of the server',
  async () => {
    using dir = temporaryFolder();
    const path = dir.at('s');
    const shown: string[] = [];
    const server = await startServer(
      (_reader, writer, connection) => {
        shown.push(String(connection));
        writer.write('x');
      },
      { path },
    );
    const client = new RawClient({ path });
    await client.receives('x');
    await client.close();
    assert.match(String(shown), /^<Connection \d+ from .*\/s \d/);
    await server.shutdown();
  },
  { skip: !isNode && false },
);
