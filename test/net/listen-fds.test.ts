import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type Address, type ListenFd, listenFds, openConnection } from 'maitre';
import { parseListenFds } from '#src/net/listen-fds.js';
import { test } from '../support/test.js';
import { handOver, said } from './hand-over.js';
import { fixtureCommand, missing, Program } from './programs.js';
import { freePort, HOST, isDeno, temporaryFolder, until } from './sockets.js';

const noPython = missing('python3');
const noSystemd = missing('systemd-socket-activate');

// ---- what the variables say -----------------------------------------------------------------------------------------

test('descriptors count up from 3, with their names, or "unknown" where nobody gave any', () => {
  const variables = { LISTEN_PID: '7', LISTEN_FDS: '2' };
  assert.deepEqual(parseListenFds({ ...variables, LISTEN_FDNAMES: 'web:admin.socket' }, 7), [
    { fd: 3, name: 'web' },
    { fd: 4, name: 'admin.socket' },
  ]);
  assert.deepEqual(parseListenFds(variables, 7), [
    { fd: 3, name: 'unknown' },
    { fd: 4, name: 'unknown' },
  ]);
  assert.deepEqual(parseListenFds({ ...variables, LISTEN_FDNAMES: ':x' }, 7), [
    { fd: 3, name: '' },
    { fd: 4, name: 'x' },
  ]);
});

test('variables for another process, or only some of them, are none', () => {
  for (const LISTEN_PID of ['8', '', '07', '7x', undefined]) {
    assert.deepEqual(parseListenFds({ LISTEN_PID, LISTEN_FDS: 'nonsense', LISTEN_FDNAMES: 'x' }, 7), []);
  }
  assert.deepEqual(parseListenFds({ LISTEN_PID: '7' }, 7), []);
  assert.deepEqual(parseListenFds({ LISTEN_PID: '7', LISTEN_FDS: '0', LISTEN_FDNAMES: '' }, 7), []);
  assert.deepEqual(parseListenFds({}, 7), []);
});

test('variables for this process that make no sense are a RangeError that shows them', () => {
  for (const LISTEN_FDS of ['', 'two', '-1', '1.5', ' 1', '1e1', '4294967296']) {
    assert.throws(() => parseListenFds({ LISTEN_PID: '7', LISTEN_FDS }, 7), {
      name: 'RangeError',
      message: `Cannot take over listening sockets: LISTEN_FDS must be a whole number from 0 to 1048576, got ${JSON.stringify(LISTEN_FDS)}`,
    });
  }
  for (const LISTEN_FDNAMES of ['', 'a', 'a:b:c']) {
    assert.throws(() => parseListenFds({ LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES }, 7), {
      name: 'RangeError',
      message: /LISTEN_FDNAMES must have a name for each of 2 sockets, got "/,
    });
  }
});

// ---- the environment ----------------------------------------------------------------------------------------------

test('listenFds() takes the variables away whatever they say, so that a second call gives none', () => {
  const set = (pid: string, fds: string): void => {
    Object.assign(process.env, { LISTEN_PID: pid, LISTEN_FDS: fds, LISTEN_FDNAMES: 'web', LISTEN_PIDFDID: '1' });
  };
  const left = (): string[] => Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'));
  set(String(process.pid), '1');
  assert.deepEqual(listenFds(), [{ fd: 3, name: 'web' }]);
  assert.deepEqual(left(), []);
  assert.deepEqual(listenFds(), []);
  set('1', '1');
  assert.deepEqual(listenFds(), []);
  assert.deepEqual(left(), []);
  set(String(process.pid), 'two');
  assert.throws(() => listenFds(), RangeError);
  assert.deepEqual(left(), []);
});

test(
  'a child of an activated server sees neither the variables nor, but for Deno, the sockets',
  async () => {
    await using program = handOver([`tcp=${HOST}`, `tcp=${HOST}`]);
    const port = Number(await program.prints(/^port (\d+)\n/));
    await program.prints(/^serving /m);
    const client = await openConnection({ host: HOST, port });
    client.writer.write('child\n');
    client.writer.writeEof();
    const seen = String(await client.reader.read());
    const expected = isDeno ? /^socket:\S+\nsocket:\S+\nthat is all\n$/ : /^that is all\n$/;
    assert.match(seen, expected); // Deno leaves open to children what it inherited
    await client.close();
  },
  { skip: noPython || noProc() },
);

function noProc(): string | false {
  return !existsSync('/proc/self/fd') && 'there is no /proc to see descriptors in';
}

// ---- systemd's own ------------------------------------------------------------------------------------------------

/** Starts the fixture as systemd does: at the first client. */
function activate(args: readonly string[]): Program {
  const [command, fixture] = fixtureCommand('activated');
  return new Program('systemd-socket-activate', [...args, command, ...fixture]);
}

async function waitsOn(program: Program, count: number): Promise<void> {
  const lines = (): number => program.errors.match(/^Listening on /gm)?.length ?? 0;
  await until(() => lines() === count || program.end !== undefined, `systemd-socket-activate: ${program.errors}`);
}

async function asks(to: { readonly port: number } | { readonly path: string }, line: string): Promise<string> {
  const client = await openConnection('path' in to ? to : { host: HOST, ...to });
  client.writer.write(line);
  const answer = String(await client.reader.readLine());
  await client.close();
  return answer;
}

test(
  'systemd starts it at the first client, which is served, over TCP',
  async () => {
    const port = await freePort();
    await using program = activate(['-l', `${HOST}:${port}`]);
    await waitsOn(program, 1);
    assert.equal(program.output, '');
    assert.equal(await asks({ port }, 'hi\n'), 'hi\n');
    assert.deepEqual(await said<ListenFd[]>(program, 'sockets'), [{ fd: 3, name: 'unknown' }]);
    assert.deepEqual(await said<Address[]>(program, 'serving'), [{ address: HOST, port, family: 'IPv4' }]);
    program.kill('SIGTERM');
    assert.equal(await program.ends(), 143);
  },
  { skip: noSystemd },
);

test(
  'systemd hands over a Unix socket, whose path is told, and stays when the server ends',
  async () => {
    using dir = temporaryFolder();
    const path = dir.at('soup of the day');
    await using program = activate(['-l', path, '--fdname=soup']);
    await waitsOn(program, 1);
    assert.deepEqual(JSON.parse(await asks({ path }, 'ends\n')), [{ path }, { path }]);
    assert.deepEqual(await said<ListenFd[]>(program, 'sockets'), [{ fd: 3, name: 'soup' }]);
    assert.deepEqual(await said<Address[]>(program, 'serving'), [{ path }]);
    program.kill('SIGTERM');
    assert.equal(await program.ends(), 143);
    assert.ok(existsSync(path));
  },
  { skip: noSystemd },
);

test(
  'systemd hands over several sockets with names, and one server serves them all',
  async () => {
    using dir = temporaryFolder();
    const [port, path] = [await freePort(), dir.at('s')];
    const abstract = `maitre-test-${process.pid}`;
    await using program = activate(['-l', `${HOST}:${port}`, '-l', path, '-l', `@${abstract}`, '--fdname=web:local:x']);
    await waitsOn(program, 3);
    assert.equal(await asks({ path }, 'hi\n'), 'hi\n');
    assert.equal(await asks({ port }, 'hi\n'), 'hi\n');
    assert.deepEqual(await said<ListenFd[]>(program, 'sockets'), [
      { fd: 3, name: 'web' },
      { fd: 4, name: 'local' },
      { fd: 5, name: 'x' },
    ]);
    assert.deepEqual(await said<Address[]>(program, 'serving'), [
      { address: HOST, port, family: 'IPv4' },
      { path },
      { path: `\0${abstract}` },
    ]);
    program.kill('SIGTERM');
    assert.equal(await program.ends(), 143);
  },
  { skip: noSystemd },
);

test(
  'a unit with Accept=yes hands over a connection instead: that is told',
  async () => {
    const port = await freePort();
    await using program = activate(['--accept', '-l', `${HOST}:${port}`]);
    await waitsOn(program, 1);
    const client = await openConnection({ host: HOST, port });
    const { code, message } = await said<NodeJS.ErrnoException>(program, 'failed');
    assert.equal(code, 'EINVAL');
    assert.match(
      message,
      /^Cannot listen on descriptor 3: it is connected, .*, expected a listening TCP or Unix socket$/,
    );
    client.abort();
    await client.close();
  },
  { skip: noSystemd },
);
