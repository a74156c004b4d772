import assert from 'node:assert/strict';
import { createTask, InvalidStateError, sleep } from 'maitre';
import { Outbox } from '#src/http/web-socket-outbox.js';
import type { Port } from '#src/http/web-socket-package.js';
import { cancelAtEveryStep, cancelTwiceAtEveryStep } from '../support/explore.js';
import { test } from '../support/test.js';

/** A port whose system takes what it is told to take. */
class FakePort {
  readonly sent: string[] = [];
  readonly #untaken: { readonly bytes: number; readonly taken: () => void }[] = [];
  bufferedAmount = 0;

  send(data: string, _options: unknown, taken: () => void): void {
    this.sent.push(data);
    this.#untaken.push({ bytes: data.length, taken });
    this.bufferedAmount += data.length;
  }

  /** The system takes the oldest. Returns false if there is none. */
  take(): boolean {
    const oldest = this.#untaken.shift();
    if (oldest === undefined) return false;
    this.bufferedAmount -= oldest.bytes;
    oldest.taken();
    return true;
  }
}

const outboxOf = (port: FakePort, limit: number): Outbox => new Outbox(port as unknown as Port, limit, () => undefined);

for (const [times, explore] of [
  ['once', cancelAtEveryStep],
  ['twice', cancelTwiceAtEveryStep],
] as const) {
  test(`a sender cancelled ${times} at any step never sends, unless its send resolved, and delays nobody`, async () => {
    const steps = await explore(() => {
      const port = new FakePort();
      const outbox = outboxOf(port, 1);
      const resolved: string[] = [];
      const send = async (text: string): Promise<void> => {
        await outbox.send(text, port, undefined);
        resolved.push(text);
      };
      let began = false;
      let ended = false;
      return {
        body: async () => {
          began = true;
          const others = ['x', 'y'].map((text) => createTask(async () => send(text)));
          createTask(async () => {
            while (!ended || !others.every((each) => each.done())) {
              await sleep(0);
              port.take();
            }
          });
          try {
            for (const text of ['a', 'b', 'c']) await send(text);
          } finally {
            ended = true;
          }
        },
        check: () => {
          assert.deepEqual(port.sent.toSorted(), resolved.toSorted());
          assert.equal(resolved.includes('x') && resolved.includes('y'), began);
          assert.deepEqual(
            port.sent.filter((each) => 'abc'.includes(each)).join(''),
            resolved.filter((each) => 'abc'.includes(each)).join(''),
          );
          assert.equal(outbox.waiting, 0);
        },
      };
    });
    assert.ok(steps > 5);
  });
}

test('after close(), sends that wait and sends that come are refused, and none is transmitted', async () => {
  const port = new FakePort();
  const outbox = outboxOf(port, 1);
  await outbox.send('a', port, undefined);
  const waiting = assert.rejects(outbox.send('b', port, undefined), InvalidStateError);
  const answered = assert.rejects(outbox.send('c', port, undefined), InvalidStateError);
  port.take(); // answers b, which is not delivered yet
  assert.equal(outbox.hasRefused, false);
  outbox.close(() => new InvalidStateError('closed'));
  await waiting;
  await answered;
  await assert.rejects(outbox.send('d', port, undefined), InvalidStateError);
  assert.deepEqual(port.sent, ['a']);
  assert.equal(outbox.hasRefused, true);
});

test('senders in line are woken when a quarter of the limit is left, not for each message that leaves', async () => {
  const port = new FakePort();
  const outbox = outboxOf(port, 8);
  for (let i = 0; i < 8; i++) await outbox.send(`${i}`, port, undefined);
  const ninth = outbox.send('8', port, undefined);
  const left: number[] = [];
  while (outbox.waiting > 0) {
    port.take();
    left.push(port.bufferedAmount);
  }
  assert.deepEqual(left, [7, 6, 5, 4, 3, 2, 1]);
  await ninth;
  assert.equal(port.sent.length, 9);
});
