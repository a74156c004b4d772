import assert from 'node:assert/strict';
import { Lock, QueueFull, QueueShutDown, sleep, TimeoutError } from 'maitre';
import { allTasksBlocked, exploreCancellation } from 'maitre/testing';
import { Publisher } from '#src/distributed/publisher.js';
import { fakeTest, test } from '../support/test.js';

/** A publisher whose batches take 10 ms, and what they contained. */
function make(options: { timeout?: number; maxWaiting?: number; most?: number; ms?: number } = {}) {
  const { timeout = 1000, maxWaiting = 100, most = 256, ms = 10 } = options;
  const batches: string[][] = [];
  const publisher = new Publisher({
    resource: new Lock({ name: 'news' }),
    timeout,
    maxWaiting,
    most,
    send: async (batch) => {
      batches.push(batch.map(({ text }) => text));
      await sleep(ms);
    },
  });
  const publish = (text: string): Promise<void> => publisher.publish(text, undefined, undefined);
  return { publisher, publish, batches };
}

fakeTest('items of one step leave together, four batches at a time, in order', async () => {
  const { publish, batches } = make({ most: 2 });
  const all = [...'abcdefghijk'].map(publish);
  await allTasksBlocked();
  assert.deepEqual(batches, [
    ['a', 'b'],
    ['c', 'd'],
    ['e', 'f'],
    ['g', 'h'],
  ]);
  await Promise.all(all);
  assert.deepEqual(batches.flat().join(''), 'abcdefghijk');
});

fakeTest('more than maxWaiting items are refused, and late ones are told whether they were sent', async () => {
  const { publish, publisher } = make({ most: 1, maxWaiting: 1, timeout: 500, ms: 10_000 });
  const sent = [...'abcd'].map((text, i) => sleep(i).then(() => publish(text)));
  await sleep(10);
  const lined = publish('e');
  await assert.rejects(publish('f'), QueueFull);
  for (const each of sent)
    await assert.rejects(each, { name: 'TimeoutError', message: /it may have the item or not$/ });
  await assert.rejects(
    lined,
    (error) => error instanceof TimeoutError && error.message.endsWith('the item was not sent'),
  );
  publisher.close();
  await assert.rejects(publish('g'), QueueShutDown);
  await publisher.drained();
});

test('cancelled at every point: what resolves was sent once, in order, and nothing is left', async () => {
  await exploreCancellation(
    async (exploration) => {
      const { publish, publisher, batches } = make({ most: 1 });
      const accepted: string[] = [];
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
        exploration.task(name, async () => {
          await publish(name);
          accepted.push(name);
        });
      }
      await exploration.settled();
      await publisher.drained();
      const sent = batches.flat();
      assert.deepEqual(sent, [...new Set(sent)].toSorted(), 'once, in order');
      for (const name of accepted) assert.ok(sent.includes(name));
      assert.equal(publisher.waiting, 0);
    },
    { cancels: 2 },
  );
});
