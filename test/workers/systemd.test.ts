// What systemd is told, in which order, and what does not fail. That it arrives is at the end, with the real programs.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { findNotifyWay, type NotifyWay } from '#src/workers/notify-way.js';
import { openSystemd, type Systemd, systemdFor } from '#src/workers/systemd.js';
import { Folder } from '../support/program.js';
import { noListener, noSystemdNotify, SystemdListener } from '../support/systemd-listener.js';
import { nextTurn, test } from '../support/test.js';

/** A way whose messages leave one by one, when the test says so. */
class FakeWay implements NotifyWay {
  readonly name = 'systemd-notify';
  readonly sent: string[] = [];
  #leave: ((error?: Error) => void) | undefined;

  send(message: string): Promise<void> {
    this.sent.push(message);
    return new Promise((resolve, reject) => {
      this.#leave = (error) => (error === undefined ? resolve() : reject(error));
    });
  }

  async leave(error?: Error): Promise<void> {
    await nextTurn();
    this.#leave?.(error);
    await nextTurn();
  }
}

/** The texts without the time of a reload. */
function timeless(messages: readonly string[]): string[] {
  return messages.map((text) => text.replace(/USEC=\d+/, 'USEC='));
}

function fake(variables = {}): { way: FakeWay; systemd: Systemd; troubles: string[] } {
  const way = new FakeWay();
  const troubles: string[] = [];
  const systemd = systemdFor({ NOTIFY_SOCKET: '/x', ...variables }, 7, {
    onTrouble: (line) => troubles.push(line),
    findWay: () => way,
  });
  assert.ok(systemd);
  return { way, systemd, troubles };
}

test('nobody is told where no NOTIFY_SOCKET is set, and the variables are gone for children', () => {
  const onTrouble = (line: string): void => assert.fail(line);
  assert.equal(systemdFor({}, 7, { onTrouble }), undefined);
  assert.equal(systemdFor({ NOTIFY_SOCKET: '' }, 7, { onTrouble }), undefined);
  Object.assign(process.env, { NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '3000000', WATCHDOG_PID: String(process.pid) });
  const systemd = openSystemd({ onTrouble, findWay: () => new FakeWay() });
  assert.equal(systemd?.watchdog, 3000);
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) assert.equal(process.env[name], undefined);
  assert.equal(openSystemd({ onTrouble }), undefined);
});

test('the watchdog is for the process that it names, and not for a time that makes no sense', () => {
  assert.equal(fake({ WATCHDOG_USEC: '5000000' }).systemd.watchdog, 5000);
  assert.equal(fake({ WATCHDOG_USEC: '5000000', WATCHDOG_PID: '7' }).systemd.watchdog, 5000);
  assert.equal(fake({ WATCHDOG_USEC: '5000000', WATCHDOG_PID: '8' }).systemd.watchdog, undefined);
  for (const text of ['0', '-1', 'soon', '']) assert.equal(fake({ WATCHDOG_USEC: text }).systemd.watchdog, undefined);
});

test('messages leave one at a time and in order, the status with the latest', async () => {
  const { way, systemd } = fake();
  systemd.ready('serving');
  await nextTurn();
  systemd.reloading('reloading');
  systemd.status('two workers');
  await nextTurn();
  assert.deepEqual(way.sent, ['READY=1\nSTATUS=serving'], 'before the first has left');
  await way.leave();
  systemd.ready('serving again');
  await way.leave();
  await way.leave();
  systemd.stopping('stopping');
  await way.leave();
  assert.deepEqual(timeless(way.sent.slice(1)), [
    'RELOADING=1\nMONOTONIC_USEC=\nSTATUS=two workers',
    'READY=1\nSTATUS=serving again',
    'STOPPING=1\nSTATUS=stopping',
  ]);
  await systemd.sent(0);
});

test('the time of a reload is that of the clock of the system, in microseconds', async () => {
  const { way, systemd } = fake();
  const before = process.hrtime.bigint() / 1000n;
  systemd.reloading('');
  const after = process.hrtime.bigint() / 1000n;
  await way.leave();
  const at = BigInt(/MONOTONIC_USEC=(\d+)/.exec(way.sent[0] ?? '')?.[1] ?? 0);
  assert.ok(before <= at && at <= after, `${before} ${at} ${after}`);
});

test('however many reloads pass while a message leaves, only the last one is told', async () => {
  const { way, systemd } = fake();
  systemd.ready('first');
  await nextTurn();
  for (let i = 0; i < 1000; i++) {
    systemd.reloading('reloading');
    systemd.ready(`serving ${i}`);
  }
  for (let i = 0; i < 4; i++) await way.leave();
  assert.deepEqual(timeless(way.sent), [
    'READY=1\nSTATUS=first',
    'RELOADING=1\nMONOTONIC_USEC=',
    'READY=1\nSTATUS=serving 999',
  ]);
});

test('a status is one line, whatever it holds', async () => {
  const { way, systemd } = fake();
  systemd.status('one\nSTOPPING=1');
  await way.leave();
  assert.deepEqual(way.sent, ['STATUS=one\\nSTOPPING=1']);
});

test('what cannot be sent is reported once, and the rest is sent all the same', async () => {
  const { way, systemd, troubles } = fake();
  for (const status of ['a', 'b', 'c']) {
    systemd.status(status);
    await way.leave(new Error('no\nroute'));
  }
  assert.deepEqual(troubles, ['cannot tell systemd: Error: no\\nroute']);
  assert.equal(way.sent.length, 3);
  await systemd.sent(0);
});

test('the wait for what has not left is bounded', async () => {
  const { way, systemd } = fake();
  systemd.stopping('');
  await systemd.sent(1);
  assert.equal(way.sent.length, 1);
  await way.leave();
});

test('signs of life come while the service is alive, and end with the watch', async () => {
  const { way, systemd } = fake({ WATCHDOG_USEC: '30000' });
  let alive = false;
  let asked = 0;
  const watch = systemd.watch(() => (asked++, alive));
  while (asked < 3) await pause();
  assert.deepEqual(way.sent, []);
  alive = true;
  while (way.sent.length < 2) {
    await pause();
    await way.leave();
  }
  assert.deepEqual([...new Set(way.sent)], ['WATCHDOG=1']);
  watch[Symbol.dispose]();
  const atEnd = asked;
  await pause();
  await pause();
  assert.equal(asked, atEnd);
  await way.leave();
  using none = fake().systemd.watch(() => assert.fail('asked without a watchdog'));
  assert.ok(none);
});

function pause(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 11));
}

test('without a way, one line says so', () => {
  const troubles: string[] = [];
  const found = systemdFor({ NOTIFY_SOCKET: '/x' }, 7, {
    onTrouble: (line) => troubles.push(line),
    findWay: () => undefined,
  });
  assert.equal(found, undefined);
  assert.equal(troubles.length, 1);
  assert.match(troubles[0] ?? '', /neither the program systemd-notify nor the package unix-dgram/);
});

test('the package unix-dgram sends where it is installed, but not to an abstract socket', async () => {
  const sent: string[] = [];
  const load = (): unknown => ({
    createSocket: (type: string) => ({
      send: (data: Buffer, offset: number, length: number, path: string, done: (error?: Error) => void) => {
        sent.push(`${type} ${path} ${String(data.subarray(offset, offset + length))}`);
        done(path === '/broken' ? new Error('send -2') : undefined);
      },
      close: () => sent.push('closed'),
    }),
  });
  const way = findNotifyWay('/run/notify', load);
  assert.equal(way?.name, 'unix-dgram');
  await way?.send('READY=1');
  assert.deepEqual(sent, ['closed', 'unix_dgram /run/notify READY=1', 'closed']);
  await assert.rejects(findNotifyWay('/broken', load)?.send('READY=1') ?? Promise.resolve(), /send -2/);
  assert.notEqual(findNotifyWay('@abstract', load)?.name, 'unix-dgram');
});

function withoutPackage(): never {
  throw new Error('Cannot find module');
}

for (const kind of ['path', 'abstract']) {
  test(
    `systemd-notify brings whole messages to a socket with ${kind === 'path' ? 'a path' : 'an abstract name'}`,
    async () => {
      using folder = new Folder();
      const path = kind === 'path' ? join(folder.path, 'notify') : `@maitre-notify-${process.pid}`;
      await using listener = await SystemdListener.open(path);
      const way = findNotifyWay(path, withoutPackage);
      assert.equal(way?.name, 'systemd-notify');
      await way?.send('RELOADING=1\nMONOTONIC_USEC=12');
      await way?.send('STATUS=it\'s a "status" of $HOME');
      await listener.sees(/STATUS/);
      assert.deepEqual(listener.messages, [['RELOADING=1', 'MONOTONIC_USEC=12'], ['STATUS=it\'s a "status" of $HOME']]);
    },
    { skip: noSystemdNotify },
  );
}

test(
  'systemd-notify that cannot send is an error of one line',
  async () => {
    const way = findNotifyWay('/nowhere/notify', withoutPackage);
    await assert.rejects(way?.send('READY=1') ?? Promise.resolve(), /^Error: systemd-notify failed: [^\n]+$/);
  },
  { skip: noSystemdNotify },
);

/** The package itself, where somebody has installed it. */
const withPackage = findNotifyWay('/nowhere', undefined)?.name === 'unix-dgram';

test(
  'the real package unix-dgram brings messages to a socket',
  async () => {
    using folder = new Folder();
    const path = join(folder.path, 'notify');
    await using listener = await SystemdListener.open(path);
    const way = findNotifyWay(path);
    await way?.send('READY=1\nSTATUS=ready');
    await listener.sees(/READY/);
    assert.deepEqual(listener.messages, [['READY=1', 'STATUS=ready']]);
  },
  { skip: noListener || (!withPackage && 'unix-dgram is not installed') },
);
