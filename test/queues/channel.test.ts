import assert from 'node:assert/strict';
import { CancelledError, channel, createTask, QueueShutDown, sleep, type Task } from 'maitre';
import { allTasksBlocked, exploreCancellation } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';
import { checkPipe } from './queue-model.js';

const noSender = { name: 'QueueShutDown', message: 'The channel has no sender left' };
const noReceiver = { name: 'QueueShutDown', message: 'The channel has no receiver left' };

fakeTest('with capacity 0, the default, a send waits until a receiver takes it', async () => {
  const [sender, receiver] = channel<string>();
  const order: string[] = [];
  const task = createTask(async () => {
    await sender.send('one');
    order.push('sent');
  });
  await allTasksBlocked();
  assert.deepEqual(order, []);
  assert.deepEqual(sender.statistics(), { size: 0, capacity: 0, senders: 1, receivers: 1, sending: 1, receiving: 0 });
  assert.equal(await receiver.receive(), 'one');
  await task;
  assert.deepEqual(order, ['sent']);
});

fakeTest('a waiting receiver lets a send through at once', async () => {
  const [sender, receiver] = channel<number>();
  const task = createTask(() => receiver.receive());
  await allTasksBlocked();
  sender.sendNowait(1);
  assert.throws(() => sender.sendNowait(2), { name: 'QueueFull' });
  assert.equal(await task, 1);
});

fakeTest('with a capacity, so many items wait inside; with Infinity, any number', async () => {
  const [sender, receiver] = channel<number>(2);
  await sender.send(1);
  await sender.send(2);
  assert.throws(() => sender.sendNowait(3), {
    name: 'QueueFull',
    message: 'Cannot send: no room in the channel, send() would wait',
  });
  const task = createTask(() => sender.send(3));
  await allTasksBlocked();
  assert.equal(task.done(), false);
  assert.deepEqual([await receiver.receive(), await receiver.receive(), await receiver.receive()], [1, 2, 3]);
  await task;
  const [endless] = channel<number>(Infinity);
  for (let i = 0; i < 1000; i++) endless.sendNowait(i);
  assert.equal(endless.statistics().size, 1000);
});

fakeTest('receiveNowait throws QueueEmpty in place of waiting', () => {
  const [sender, receiver] = channel<number>(1);
  assert.throws(() => receiver.receiveNowait(), {
    name: 'QueueEmpty',
    message: 'Cannot receive: the channel is empty, receive() would wait',
  });
  sender.sendNowait(1);
  assert.equal(receiver.receiveNowait(), 1);
});

fakeTest('iteration ends when all senders are gone, after what they sent', async () => {
  const [sender, receiver] = channel<number>(10);
  const second = sender.clone();
  sender.sendNowait(1);
  sender.close();
  second.sendNowait(2);
  second.close();
  const items: number[] = [];
  for await (const item of receiver) items.push(item);
  assert.deepEqual(items, [1, 2]);
  await assert.rejects(receiver.receive(), noSender);
  assert.throws(() => receiver.receiveNowait(), noSender);
});

fakeTest('the last sender that closes ends waiting receivers; a clone keeps them waiting', async () => {
  const [sender, receiver] = channel<number>();
  const clone = sender.clone();
  const tasks = [receiver, receiver.clone()].map((each) => createTask(() => each.receive()));
  await allTasksBlocked();
  sender.close();
  sender.close();
  await allTasksBlocked();
  assert.equal(
    tasks.some((task) => task.done()),
    false,
  );
  assert.equal(receiver.statistics().senders, 1);
  clone[Symbol.dispose]();
  for (const task of tasks) await assert.rejects(task.then(), noSender);
});

fakeTest('with no receiver left, sends are refused, waiting ones included, and what is inside is dropped', async () => {
  const [sender, receiver] = channel<number>(1);
  const clone = receiver.clone();
  sender.sendNowait(1);
  const waiting = createTask(() => sender.send(2));
  await allTasksBlocked();
  receiver.close();
  await allTasksBlocked();
  assert.equal(waiting.done(), false);
  clone.close();
  await assert.rejects(waiting.then(), noReceiver);
  await assert.rejects(sender.send(3), noReceiver);
  assert.throws(() => sender.sendNowait(3), noReceiver);
  assert.equal(sender.statistics().size, 0);
});

fakeTest('each item goes to one receiver', async () => {
  const [sender, receiver] = channel<number>();
  const seen: number[] = [];
  const takers = [receiver, receiver.clone(), receiver.clone()].map((each) =>
    createTask(async () => {
      using own = each;
      for await (const item of own) seen.push(item);
    }),
  );
  for (let i = 0; i < 9; i++) await sender.send(i);
  sender.close();
  for (const taker of takers) await taker;
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

fakeTest('a closed end refuses everything with InvalidStateError, also a clone', async () => {
  const [sender, receiver] = channel<number>(1);
  sender.close();
  receiver.close();
  const closed = (action: string): object => ({
    name: 'InvalidStateError',
    message: `Cannot ${action}: this end of the channel is closed`,
  });
  await assert.rejects(sender.send(1), closed('send'));
  assert.throws(() => sender.sendNowait(1), closed('send'));
  assert.throws(() => sender.clone(), closed('clone'));
  await assert.rejects(receiver.receive(), closed('receive'));
  assert.throws(() => receiver.receiveNowait(), closed('receive'));
  assert.throws(() => receiver.clone(), closed('clone'));
});

fakeTest('an item whose receiver was cancelled goes to the next one, also with capacity 0', async () => {
  const [sender, receiver] = channel<number>();
  const [a, b] = [0, 1].map(() => createTask(() => receiver.receive())) as [Task<number>, Task<number>];
  await allTasksBlocked();
  sender.sendNowait(1);
  a.cancel();
  assert.equal(await b, 1);
  const c = createTask(() => receiver.receive());
  await allTasksBlocked();
  sender.sendNowait(2);
  c.cancel();
  assert.equal(await receiver.receive(), 2);
});

fakeTest('a cancelled send is not sent', async () => {
  const [sender, receiver] = channel<number>();
  const task = createTask(() => sender.send(1));
  await allTasksBlocked();
  task.cancel();
  assert.throws(() => receiver.receiveNowait(), { name: 'QueueEmpty' });
  await assert.rejects(task.then(), CancelledError);
});

fakeTest('a capacity that is no integer >= 0 and not Infinity is refused', () => {
  for (const capacity of [-1, 1.5, NaN]) {
    assert.throws(() => channel(capacity), {
      name: 'RangeError',
      message: `Cannot create channel: capacity must be an integer >= 0 or Infinity, got ${capacity}`,
    });
  }
  assert.throws(() => channel('1' as never), { name: 'TypeError' });
});

for (const capacity of [0, 1, 3]) {
  test(`a channel of capacity ${capacity} passes exploreCancellation`, async () => {
    const points = await exploreCancellation(
      async (x) => {
        const [sender, receiver] = channel<string>(capacity);
        const sent: string[] = [];
        const got: string[] = [];
        for (const name of ['p', 'q']) {
          x.task(name, async () => {
            for (let i = 0; i < 2; i++) {
              await sender.send(`${name}${i}`);
              sent.push(`${name}${i}`);
              await sleep(1);
            }
          });
        }
        for (const name of ['a', 'b']) {
          x.task(name, async () => {
            for await (const item of receiver) got.push(item);
          });
        }
        await sleep(10);
        for (let left = receiver.statistics(); left.size + left.sending > 0; left = receiver.statistics()) {
          got.push(await receiver.receive()); // both takers are gone
        }
        sender.close();
        await x.settled();
        for (const item of sent) assert.ok(got.includes(item), `lost: ${item}`);
        assert.equal(new Set(got).size, got.length, `doubled: ${got.join(' ')}`);
      },
      { seeds: [1, 2] },
    );
    assert.ok(points > 30, String(points));
  });

  test(`a channel of capacity ${capacity} does what a model does`, async () => {
    await checkPipe(() => {
      const [sender, receiver] = channel<string>(capacity);
      let ended = false;
      return {
        put: (item) => (ended ? Promise.reject(new QueueShutDown('The sender is closed')) : sender.send(item)),
        get: () => receiver.receive(),
        end: () => {
          ended = true;
          sender.close();
        },
        left: () => {
          const { size, sending, receiving } = receiver.statistics();
          return { items: size, waiting: sending + receiving };
        },
        fifo: true,
      };
    });
  });
}

fakeTest('a send through a sender that is closed meanwhile is refused when it was the last', async () => {
  const [sender, receiver] = channel<number>();
  const task = createTask(() => sender.send(1));
  await allTasksBlocked();
  sender.close();
  await assert.rejects(task.then(), QueueShutDown);
  assert.equal(receiver.statistics().sending, 0);
});

fakeTest('with capacity 0, receiveNowait takes the item of a sender that waits, and its send is done', async () => {
  const [sender, receiver] = channel<number>();
  const sends = [1, 2].map((item) => createTask(() => sender.send(item)));
  await allTasksBlocked();
  assert.deepEqual([receiver.receiveNowait(), receiver.receiveNowait()], [1, 2]);
  assert.throws(() => receiver.receiveNowait(), { name: 'QueueEmpty' });
  for (const send of sends) await send;
  assert.deepEqual(receiver.statistics(), { size: 0, capacity: 0, senders: 1, receivers: 1, sending: 0, receiving: 0 });
});

fakeTest(
  'a send whose item receiveNowait took is done: a cancel after that reaches the next wait of its task',
  async () => {
    const [sender, receiver] = channel<number>();
    let sent = false;
    const task = createTask(async () => {
      await sender.send(1);
      sent = true;
      await sleep(1000);
    });
    await allTasksBlocked();
    assert.equal(receiver.receiveNowait(), 1);
    task.cancel();
    await assert.rejects(async () => task, CancelledError);
    assert.equal(sent, true);
  },
);

fakeTest('receiveNowait overtakes no sender: with a capacity, what is inside comes first', async () => {
  const [sender, receiver] = channel<number>(1);
  sender.sendNowait(1);
  const send = createTask(() => sender.send(2));
  await allTasksBlocked();
  const third = createTask(() => sender.send(3));
  await allTasksBlocked();
  assert.equal(receiver.receiveNowait(), 1);
  assert.throws(() => receiver.receiveNowait(), { name: 'QueueEmpty' }); // the second has its place, and is not there yet
  await send;
  assert.equal(receiver.receiveNowait(), 2);
  await third;
  assert.equal(receiver.receiveNowait(), 3);
});

fakeTest('a sender whose item receiveNowait took is done, also when the channel is closed at once', async () => {
  const [sender, receiver] = channel<number>();
  const send = createTask(() => sender.send(1));
  await allTasksBlocked();
  assert.equal(receiver.receiveNowait(), 1);
  receiver.close();
  await send;
});
