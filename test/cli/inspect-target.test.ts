// Which process a command means. Other programs may run on the machine, so the folder is passed where it matters.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { mock } from 'node:test';
import { CommandTrouble } from '#src/cli/command.js';
import { findTarget } from '#src/cli/inspect-target.js';
import { group, groupsResult, startFake } from '../support/fake-inspector.js';
import { Folder, Program, runMaitre } from '../support/program.js';
import { test } from '../support/test.js';

const groups = (): ReturnType<typeof groupsResult> => groupsResult([group(3, 'wait in readLine at chat.ts:14')]);

/** What `findTarget` says when it finds nothing, or too much. */
async function troubleOf(found: Promise<unknown>): Promise<string> {
  const error: unknown = await found.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CommandTrouble && error.exitCode === 2, String(error));
  return `${error.message}\n${error.detail ?? ''}`;
}

test('maitre ps takes a PID, or the path of a socket', async () => {
  await using fake = await startFake({ groups });
  for (const target of [String(process.pid), fake.path]) {
    const { code, stdout, stderr } = await runMaitre(['ps', target], { env: fake.env });
    assert.deepEqual([code, stderr], [0, ''], target);
    assert.match(stdout, /^ +3 {2}wait in readLine/m);
  }
});

test('without a PID, the only program that runs is meant', async () => {
  using folder = new Folder();
  await using fake = await startFake({ groups }, process.pid, folder);
  const { path } = await findTarget(undefined, [join(folder.path, 'none'), join(folder.path, 'maitre')]);
  assert.equal(path, fake.path);
});

test('when several run, they are listed with file and address, with exit code 2', async () => {
  using folder = new Folder();
  await using _other = await startFake({ groups }, process.ppid, folder);
  await using _fake = await startFake({ groups, hello: () => 'silent' }, process.pid, folder);
  const text = await troubleOf(findTarget(undefined, [join(folder.path, 'maitre')]));
  assert.match(text, /^2 programs run; say which one\n/);
  assert.match(
    text,
    new RegExp(`^ *${process.ppid} +3 h 12 min {2}/srv/chat/chat\\.ts +127\\.0\\.0\\.1:8002 {2}Node\\.js`, 'm'),
  );
  assert.match(
    text,
    new RegExp(`^ *${process.pid} +- {2}it has not answered within 1000 ms`, 'm'),
    'it is there, and silent',
  );
});

test('the socket file of a program that has ended is removed, and counts for nothing', async () => {
  using folder = new Folder();
  await using dead = await startFake({ groups }, 1_999_999_999, folder);
  await dead.die();
  assert.ok(existsSync(dead.path), 'it was there');
  await using fake = await startFake({ groups }, process.pid, folder);
  const { path } = await findTarget(undefined, [join(folder.path, 'maitre')]);
  assert.equal(path, fake.path);
  assert.ok(!existsSync(dead.path));
});

test('what is not there is said in one line, with exit code 2', async () => {
  using folder = new Folder();
  assert.match(
    await troubleOf(findTarget(undefined, [folder.path])),
    /^no program with an inspector runs\. Start one with: maitre serve FILE --inspect\n/,
  );
  const env = { XDG_RUNTIME_DIR: folder.path };
  for (const [target, message] of [
    ['1999999999', /^maitre: there is no process 1999999999\n/],
    [String(process.pid), /^maitre: process \d+ runs, but it has no inspector\n/],
    [join(folder.path, 'x.sock'), /^maitre: cannot connect to \S+: there is no such socket\n$/],
    ['chat', /^maitre: "chat" is no PID, and no path: a path has a slash\n$/],
  ] as const) {
    const { code, stdout, stderr } = await runMaitre(['ps', target], { env });
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, message);
  }
});

test('of a process of another user, it says so: its socket is not seen from here', async () => {
  using folder = new Folder();
  const kill = mock.method(process, 'kill', () => {
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
  });
  try {
    assert.match(
      await troubleOf(findTarget('4246', [folder.path])),
      /^process 4246 runs as another user, and an inspector answers its own user only\n/,
    );
  } finally {
    kill.mock.restore();
  }
});

test('a folder that others may enter, or a link to one, is not looked into', async () => {
  using folder = new Folder();
  await using fake = await startFake({ groups }, process.pid, folder);
  const sockets = join(folder.path, 'maitre');
  chmodSync(sockets, 0o750);
  assert.match(
    await troubleOf(findTarget(undefined, [sockets])),
    /maitre was ignored: it has the mode 750, expected 700: other users could enter it$/,
  );
  chmodSync(sockets, 0o700);
  symlinkSync(sockets, join(folder.path, 'link'));
  assert.match(
    await troubleOf(findTarget(undefined, [join(folder.path, 'link')])),
    /link was ignored: it is a symbolic link, expected a folder$/,
  );
  assert.deepEqual(fake.requests, [], 'nobody was asked');
});

test(
  'a program that accepts and is silent is reported within seconds, with what the system knows of it',
  async () => {
    using folder = new Folder();
    await using child = new Program([folder.write('stays.mjs', 'setInterval(() => {}, 1000); console.log("up")')]);
    await child.sees(/up/);
    child.signal('SIGSTOP');
    const pid = child.child.pid ?? 0;
    await using fake = await startFake({ hello: () => 'silent', groups: () => 'silent' }, pid);
    const { code, stderr } = await runMaitre(['ps', String(pid)], { env: fake.env });
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`^maitre: process ${pid} cannot be asked: it has not answered within 5000 ms`));
    if (process.platform === 'linux') assert.match(stderr, /; it is stopped \(by SIGSTOP or Ctrl-Z\)\n$/);
  },
  { skip: 'deno' in process.versions && 'Deno does not see the end of a child that was stopped' },
);

test('a program that ends in the middle of an answer, or speaks something else, is one line', async () => {
  await using fake = await startFake({
    groups: () => {
      setTimeout(() => void fake.die(), 20);
      return 'silent';
    },
  });
  const { code, stderr } = await runMaitre(['ps', fake.path], { env: fake.env });
  assert.equal(code, 2);
  assert.match(stderr, /cannot be asked: (?:it ended before its answer|the connection broke off \(\w+\))\n$/);
});
