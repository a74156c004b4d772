// What queues and channels cannot show from outside; the rest is in their tests.
import assert from 'node:assert/strict';
import { createTask, QueueShutDown } from 'maitre';
import { Exchange } from '#src/queues/exchange.js';
import { FifoStore } from '#src/queues/stores.js';
import { allTasksBlocked } from 'maitre/testing';
import { fakeTest } from '../support/test.js';

const ended = (): QueueShutDown => new QueueShutDown('ended');

fakeTest('the first reason to close stays', () => {
  const exchange = new Exchange<number>(new FifoStore(), 1, false);
  exchange.close(ended);
  exchange.close(() => new QueueShutDown('another'));
  assert.throws(() => exchange.putNowait(1), { message: 'ended' });
  assert.ok(exchange.ended);
});

fakeTest('each refused one gets an error of its own', async () => {
  const exchange = new Exchange<number>(new FifoStore(), 1, false);
  const tasks = [0, 1].map(() => createTask(() => exchange.get('test.get', exchange, undefined)));
  await allTasksBlocked();
  exchange.close(ended);
  const errors = [];
  for (const task of tasks) errors.push(await task.catch((error: unknown) => error));
  assert.notEqual(errors[0], errors[1]);
});

fakeTest('it is full for a newcomer while somebody waits or is promised a place', async () => {
  const exchange = new Exchange<number>(new FifoStore(), 2, false);
  exchange.putNowait(1);
  exchange.putNowait(2);
  const putter = createTask(() => exchange.put(3, 'test.put', exchange, undefined));
  await allTasksBlocked();
  exchange.getNowait();
  exchange.getNowait();
  assert.deepEqual([exchange.length, exchange.putting, exchange.full], [0, 0, true]);
  await putter;
  assert.deepEqual([exchange.length, exchange.full, exchange.added], [1, false, 3]);
});

fakeTest('replace drops the next item, and a promised one is another then', async () => {
  const exchange = new Exchange<number>(new FifoStore(), 2, false);
  exchange.putNowait(1);
  exchange.putNowait(2);
  exchange.replace(3);
  assert.deepEqual([exchange.getNowait(), exchange.getNowait()], [{ item: 2 }, { item: 3 }]);
});
