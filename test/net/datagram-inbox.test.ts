import assert from 'node:assert/strict';
import { createTask, sleep } from 'maitre';
import { exploreCancellation } from 'maitre/testing';
import { DatagramInbox } from '#src/net/datagram-inbox.js';
import { microtasks, test } from '../support/test.js';

const owner = {};
const closed = (): Error => new Error('closed');

test('DatagramInbox gives out in order, and at once what is there', async () => {
  const inbox = new DatagramInbox<number>(10, 'dropNewest');
  for (let i = 0; i < 5; i++) inbox.push(i);
  assert.equal(inbox.length, 5);
  for (let i = 0; i < 5; i++) assert.equal(await inbox.receive(owner, undefined), i);
  assert.equal(inbox.length, 0);
});

test('DatagramInbox serves waiting receives in their order', async () => {
  const inbox = new DatagramInbox<number>(10, 'dropNewest');
  const order: string[] = [];
  const tasks = ['a', 'b', 'c'].map((name) =>
    createTask(async () => void order.push(`${name}${await inbox.receive(owner, undefined)}`)),
  );
  await sleep(0);
  for (let i = 0; i < 3; i++) inbox.push(i);
  // Comes while all are promised and nothing is delivered: it stands behind them.
  const late = inbox.receive(owner, undefined);
  inbox.push(3);
  assert.equal(await late, 3);
  for (const task of tasks) await task;
  assert.deepEqual(order, ['a0', 'b1', 'c2']);
});

test('DatagramInbox above its bound drops the newest or the oldest, and counts', async () => {
  for (const policy of ['dropNewest', 'dropOldest'] as const) {
    const inbox = new DatagramInbox<number>(3, policy);
    for (let i = 0; i < 5; i++) inbox.push(i);
    assert.deepEqual([inbox.received, inbox.dropped, inbox.length], [5, 2, 3]);
    const got = [];
    while (inbox.length > 0) got.push(await inbox.receive(owner, undefined));
    assert.deepEqual(got, policy === 'dropNewest' ? [0, 1, 2] : [2, 3, 4]);
  }
});

test('DatagramInbox does not count what is promised to a receive against the bound', async () => {
  const inbox = new DatagramInbox<number>(1, 'dropNewest');
  const first = inbox.receive(owner, undefined);
  inbox.push(0);
  inbox.push(1);
  inbox.push(2);
  assert.equal(inbox.dropped, 1);
  assert.equal(await first, 0);
  assert.equal(await inbox.receive(owner, undefined), 1);
});

test('DatagramInbox tells a fault once, before the datagrams, to a waiting receive, the next one, or a send', async () => {
  const inbox = new DatagramInbox<number>(10, 'dropNewest');
  const fault = new Error('refused');
  const waiting = inbox.receive(owner, undefined);
  inbox.fail(fault);
  assert.equal(inbox.takeFault(), undefined, 'it is promised');
  await assert.rejects(waiting, fault);

  inbox.push(1);
  inbox.fail(new Error('an older one'));
  inbox.fail(fault);
  await assert.rejects(inbox.receive(owner, undefined), fault);
  assert.equal(await inbox.receive(owner, undefined), 1);

  inbox.fail(fault);
  assert.equal(inbox.takeFault(), fault);
  assert.equal(inbox.takeFault(), undefined);
});

test("DatagramInbox gives a cancelled receive's fault to the next one", async () => {
  const inbox = new DatagramInbox<number>(10, 'dropNewest');
  const fault = new Error('refused');
  const first = createTask(() => inbox.receive(owner, undefined));
  const second = createTask(() => inbox.receive(owner, undefined));
  await sleep(0);
  inbox.fail(fault);
  first.cancel();
  await assert.rejects(() => first.then(), { name: 'CancelledError' });
  await assert.rejects(() => second.then(), fault);
});

test('DatagramInbox closed refuses who waits and who comes, and keeps only what was promised', async () => {
  const inbox = new DatagramInbox<number>(10, 'dropNewest');
  const promised = inbox.receive(owner, undefined);
  inbox.push(0);
  inbox.push(1);
  inbox.close(closed);
  inbox.push(2);
  assert.equal(inbox.length, 1);
  await assert.rejects(inbox.receive(owner, undefined), /closed/);
  assert.equal(await promised, 0);
  assert.equal(inbox.length, 0);

  const other = new DatagramInbox<number>(10, 'dropNewest');
  const waiting = assert.rejects(other.receive(owner, undefined), /closed/);
  const cancelled = new AbortController();
  other.close(closed);
  other.close(closed);
  await waiting;
  cancelled.abort();
  await assert.rejects(other.receive(owner, { signal: cancelled.signal }), { name: 'CancelledError' });
});

test('DatagramInbox drops what was promised to a receive cancelled after close', async () => {
  const inbox = new DatagramInbox<number>(10, 'dropNewest');
  const task = createTask(() => inbox.receive(owner, undefined));
  await sleep(0);
  inbox.push(0);
  inbox.fail(new Error('refused'));
  inbox.close(closed);
  task.cancel();
  await assert.rejects(() => task.then(), { name: 'CancelledError' });
  await microtasks(3);
  assert.equal(inbox.length, 0);
  assert.equal(inbox.takeFault(), undefined);
});

test('DatagramInbox loses, doubles and reorders nothing, whichever receive is cancelled at whichever step', async () => {
  for (const faultAt of [undefined, 2]) {
    const points = await exploreCancellation(async (x) => {
      const inbox = new DatagramInbox<number>(100, 'dropNewest');
      const got: number[] = [];
      let faults = 0;
      const sent: number[] = [];
      const receive = async (): Promise<void> => {
        try {
          got.push(await inbox.receive(owner, undefined));
        } catch (error) {
          if ((error as Error).message !== 'refused') throw error;
          faults++;
        }
      };
      const send = (): void => {
        if (sent.length === faultAt) inbox.fail(new Error('refused'));
        inbox.push(sent.length);
        sent.push(sent.length);
      };
      for (const name of ['a', 'b', 'c']) {
        x.task(name, async () => {
          for (let i = 0; i < 3; i++) await receive();
        });
      }
      const sender = x.task('sender', async () => {
        while (sent.length < 12) {
          send();
          send();
          if (sent.length % 4 === 0) await sleep(1);
        }
      });
      sender.subscribe({
        settled: () => {
          while (sent.length < 12) send(); // it was cancelled, and the others still wait
        },
      });
      await x.settled();
      while (inbox.length > 0) await receive();
      assert.deepEqual(
        got,
        Array.from({ length: 12 }, (_, i) => i),
      );
      assert.equal(faults, faultAt === undefined ? 0 : 1);
    });
    assert.ok(points > 20, `${points} points`);
  }
});
