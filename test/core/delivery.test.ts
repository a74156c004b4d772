import assert from 'node:assert/strict';
import {
  channel,
  createTask,
  Future,
  gather,
  Lock,
  Queue,
  setExceptionHandler,
  sleep,
  StreamReader,
  type Task,
} from 'maitre';
import { addInstrument, Wait } from 'maitre/lowlevel';
import { setDeliveryHook } from '#src/core/index.js';
import { deliverHeld, deliverSoon, holdDeliveries } from '#src/core/delivery.js';
import { microtasks, nextTurn, test } from '../support/test.js';

const limit = 1024;

// ---- the order ------------------------------------------------------------------------------------------------------

test('what is decided in one step is delivered in a later microtask, in the order of the decisions', async () => {
  const log: number[] = [];
  const waits = [1, 2, 3].map((n) => {
    const wait = new Wait<number>('test', undefined);
    void wait.promise.then((value) => log.push(value));
    return { n, wait };
  });
  for (const { n, wait } of waits.toReversed()) wait.answer(n);
  assert.deepEqual(log, []);
  await microtasks(2);
  assert.deepEqual(log, [3, 2, 1]);
});

test('a hold delivers at its end, without a microtask; its end without a beginning does nothing', async () => {
  const wait = new Wait<string>('test', undefined);
  holdDeliveries();
  wait.answer('held');
  await microtasks(5);
  assert.equal(wait.state, 'answered');
  deliverHeld();
  assert.equal(wait.state, 'delivered');
  deliverHeld();
  assert.equal(await wait.promise, 'held');
});

test('while one step in some is timed, a hold whose deliveries are not timed delivers at its end', async () => {
  const every = 4;
  let measured = 0;
  using _ = addInstrument({ stepEvery: every, stepEnded: () => void measured++ });
  const states: string[] = [];
  for (let i = 0; i < 3 * every; i++) {
    const wait = new Wait<number>('test', undefined);
    holdDeliveries();
    wait.answer(i);
    deliverHeld();
    states.push(wait.state);
    assert.equal(await wait.promise, i);
    await nextTurn();
  }
  assert.equal(measured, 3);
  assert.equal(states.filter((state) => state === 'answered').length, measured);
  assert.equal(states.filter((state) => state === 'delivered').length, 3 * every - measured);
});

// ---- what throws stops nobody -----------------------------------------------------------------------------------------

test('a delivery that throws is reported and the others are delivered', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message }) => reports.push(message));
  const log: string[] = [];
  const delivery = (deliver: () => void): void => deliverSoon({ deliver, task: undefined, record: undefined });
  delivery(() => log.push('first'));
  delivery(() => {
    throw new Error('spilled');
  });
  delivery(() => log.push('last'));
  await microtasks(2);
  assert.deepEqual([log, reports], [['first', 'last'], ['A delivery failed']]);
});

test('a delivery hook that throws is reported and everything is delivered', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message }) => reports.push(message));
  {
    using _hook = setDeliveryHook(() => {
      throw new Error('shuffled badly');
    });
    assert.deepEqual(await gather([sleep(0, 1), sleep(0, 2)]), [1, 2]);
  }
  assert.ok(reports.length > 0 && reports.every((message) => message === 'A delivery hook failed'));
});

test('an instrument that throws is removed and reported, whatever its hook; nobody else is stopped', async () => {
  for (const hook of ['taskStarted', 'taskEnded', 'waitBegun', 'waitAnswered', 'waitEnded', 'stepEnded'] as const) {
    const reports: string[] = [];
    using _ = setExceptionHandler(({ message }) => reports.push(message));
    let told = 0;
    const fail = (): never => {
      throw new Error('blind');
    };
    using _bad = addInstrument({ [hook]: fail });
    using _good = addInstrument({ [hook]: () => told++ });
    assert.deepEqual(await gather([() => sleep(0, 1), () => sleep(0, 2), () => sleep(0, 3)]), [1, 2, 3]);
    await nextTurn();
    assert.deepEqual(reports, [`An instrument was removed: its ${hook} failed`]);
    assert.ok(told >= 3, `${hook}: ${told}`);
  }
});

// ---- turns are bounded ------------------------------------------------------------------------------------------------

/** Two tasks, or one, that never leave the microtasks by themselves, until stopped. */
const hungry: Record<string, (running: () => boolean) => Task<unknown>[]> = {
  'two tasks that hand items over through a queue': (running) => {
    const queue = new Queue<number>(1);
    return [
      createTask(async () => {
        while (running()) await queue.put(1);
        await queue.put(0);
      }),
      createTask(async () => {
        while ((await queue.get()) === 1);
      }),
    ];
  },
  'two tasks at a channel(0)': (running) => {
    const [sender, receiver] = channel<number>(0);
    return [
      createTask(async () => {
        while (running()) await sender.send(1);
        sender.close();
      }),
      createTask(async () => {
        for await (const _ of receiver);
        receiver.close();
      }),
    ];
  },
  'two tasks at a lock': (running) => {
    const lock = new Lock();
    const worker = async (): Promise<void> => {
      while (running()) {
        using _ = await lock.acquire();
        await Promise.resolve();
      }
    };
    return [createTask(worker), createTask(worker)];
  },
  'a loop of reads that find their bytes': (running) => {
    const reader = new StreamReader();
    return [
      createTask(async () => {
        while (running()) {
          reader.feedData(Buffer.from('line\n'));
          await reader.readLine();
        }
      }),
    ];
  },
  'a loop that awaits what is done': (running) => {
    const done = new Future<number>();
    done.setResult(1);
    return [
      createTask(async () => {
        while (running()) await done;
      }),
    ];
  },
};

for (const [name, start] of Object.entries(hungry)) {
  test(`timers, sleeps and turns come beside ${name}`, async () => {
    let running = true;
    const tasks = start(() => running);
    const timer = new Promise<void>((resolve) => void setTimeout(resolve, 5));
    await Promise.all([timer, sleep(5)]);
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    running = false;
    await gather(tasks);
  });
}

test(`a turn gives at most ${limit} answers, half of that or more, and none is lost`, async () => {
  const total = 10 * limit;
  let inTurn = 0;
  const turns: number[] = [];
  let all = false;
  const count = (): void => {
    turns.push(inTurn);
    inTurn = 0;
    if (!all) setImmediate(count);
  };
  const waits = Array.from({ length: total }, () => new Wait<void>('test', undefined));
  const promises = waits.map(({ promise }) => promise.then(() => inTurn++));
  await nextTurn();
  setImmediate(count);
  for (const wait of waits) wait.answer();
  await Promise.all(promises);
  all = true;
  await nextTurn();
  assert.ok(Math.max(...turns) <= limit, String(turns));
  assert.ok(turns.filter((n) => n > 0).length <= (2 * total) / limit + 1, String(turns));
  assert.equal(turns.reduce((sum, n) => sum + n, 0) + inTurn, total);
});

test(`answers that calls get at once count: the ${limit + 1}st of a turn waits for the next`, async () => {
  const queue = new Queue<number>();
  const total = 3 * limit;
  for (let i = 0; i < total; i++) queue.putNowait(i);
  let got = 0;
  const atTurns: number[] = [];
  await nextTurn();
  const task = createTask(async () => {
    for (; got < total; got++) assert.equal(await queue.get(), got);
  });
  while (!task.done()) {
    await nextTurn();
    atTurns.push(got);
  }
  await task;
  assert.ok(atTurns.length >= 3, String(atTurns));
  atTurns.reduce((before, now) => {
    assert.ok(now - before <= limit + 1, String(atTurns));
    return now;
  }, 0);
});

test('a cancel still overrules an answer that stands in line for the next turn', async () => {
  const waits = Array.from({ length: limit }, () => new Wait<void>('test', undefined));
  let last: Wait<string> | undefined;
  const task = createTask(() => (last = new Wait<string>('last', undefined)).promise);
  await nextTurn();
  for (const wait of waits) wait.answer();
  last?.answer('value');
  await microtasks(3);
  assert.equal(last?.state, 'answered');
  task.cancel();
  await assert.rejects(task, { name: 'CancelledError' });
});
