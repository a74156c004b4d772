import assert from 'node:assert/strict';
import { CancelledError, createTask, Event, InvalidStateError, Lock, Queue, sleep, type Task } from 'maitre';
import { beginWait, Deque, disposable, LinkedSet, QueuedWait } from 'maitre/lowlevel';
import { type Exploration, exploreCancellation, memoryStreamPair, shuffleWakeups } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

type Scenario = (x: Exploration) => Promise<void>;

/** The error an exploration ends with, and what it says must be replayed. */
async function failureOf(scenario: Scenario, options?: Parameters<typeof exploreCancellation>[1]) {
  const error: unknown = await exploreCancellation(scenario, options).catch((each: unknown) => each);
  assert.ok(error instanceof Error, `found nothing, after ${String(error)} points`);
  const replay = /replay with \{ replay: "([^"]+)" \}/.exec(error.message)?.[1];
  return { error, message: error.message, replay };
}

// ---- careless primitives ----------------------------------------------------------------------------------------------

interface LockLike {
  acquire(): Promise<Disposable>;
  locked(): boolean;
}

/** A cancelled waiter that was given the lock keeps it. */
class ForgetfulLock implements LockLike {
  #held = false;
  readonly #waiters = new LinkedSet<QueuedWait<Disposable>>();

  acquire(): Promise<Disposable> {
    const refused = beginWait();
    if (refused !== undefined) return refused;
    if (!this.#held) {
      this.#held = true;
      return Promise.resolve(this.#hold());
    }
    const wait = new QueuedWait<Disposable>('lock.acquire', this);
    this.#waiters.add(wait);
    return wait.promise;
  }

  locked(): boolean {
    return this.#held;
  }

  #hold(): Disposable {
    return disposable(() => {
      const next = this.#waiters.shift();
      if (next === undefined) this.#held = false;
      else next.answer(this.#hold());
    });
  }
}

/** It is called with the lock held, and forgets it when the first of its own two waits is cancelled. */
async function acquireBoth(first: Lock, second: Lock): Promise<Disposable> {
  const hold = await first.acquire();
  const other = await second.acquire();
  return disposable(() => {
    other[Symbol.dispose]();
    hold[Symbol.dispose]();
  });
}

/** The item travels with the answer: a getter that is cancelled then takes it along. */
class LossyQueue {
  readonly #items = new Deque<number>();
  readonly #getters = new LinkedSet<QueuedWait<number>>();

  put(item: number): void {
    const getter = this.#getters.shift();
    if (getter === undefined) this.#items.pushBack(item);
    else getter.answer(item);
  }

  get(): Promise<number> {
    const refused = beginWait();
    if (refused !== undefined) return refused;
    const item = this.#items.popFront();
    if (item !== undefined) return Promise.resolve(item);
    const wait = new QueuedWait<number>('queue.get', this);
    this.#getters.add(wait);
    return wait.promise;
  }
}

function lockScenario(make: () => LockLike): Scenario {
  return async (x) => {
    const lock = make();
    for (const name of ['a', 'b', 'c']) {
      x.task(name, async () => {
        using _ = await lock.acquire();
        await sleep(10);
      });
    }
    await sleep(100);
    assert.ok(!lock.locked(), 'the lock was lost');
    await x.settled();
  };
}

function queueScenario(make: () => { put(item: number): unknown; get(): Promise<number> }): Scenario {
  return async (x) => {
    const queue = make();
    const got: number[] = [];
    for (const name of ['a', 'b']) {
      x.task(name, async () => {
        got.push(await queue.get());
      });
    }
    await sleep(1);
    await queue.put(1);
    await queue.put(2);
    await x.settled();
    for (let left = 2 - got.length; left > 0; left--) got.push(await queue.get());
    assert.deepEqual(got.sort(), [1, 2]);
  };
}

const readerScenario = (careful: boolean): Scenario => {
  return async (x) => {
    const [client, server] = memoryStreamPair({ onHandOver: (bytes) => [bytes.subarray(0, 1), bytes.subarray(1)] });
    let got = '';
    x.task('reader', async () => {
      if (careful) got += String(await server.reader.readExactly(2));
      else {
        const first = await server.reader.readExactly(1); // in hand while the next one is waited for
        await sleep(0);
        got += String(first) + String(await server.reader.readExactly(1));
      }
    });
    await sleep(1);
    client.writer.write('ab');
    await x.settled();
    await client.close();
    got += String(await server.reader.read());
    await server.close();
    assert.equal(got, 'ab', 'a byte was lost');
  };
};

test('it finds a lock that forgets to pass a permit on, names the point, and replays it', async () => {
  const bad = lockScenario(() => new ForgetfulLock());
  const { error, message, replay } = await failureOf(bad);
  assert.match(
    message,
    /^Cancelling task "b" at its point "answer 1" \(lock\.acquire\) broke the scenario: the lock was lost\n/,
  );
  assert.equal(replay, 'b:answer 1');
  assert.ok((error.cause as Error).message.includes('the lock was lost'));
  const again = await failureOf(bad, { replay });
  assert.match(again.message, /task "b" at its point "answer 1" broke the scenario: the lock was lost/);
  assert.equal(
    await exploreCancellation(
      lockScenario(() => new Lock()),
      { replay },
    ),
    1,
  );
  assert.ok((await exploreCancellation(lockScenario(() => new Lock()))) >= 15);
});

test('it finds a queue that loses an item with a cancelled get', async () => {
  const { message, replay } = await failureOf(queueScenario(() => new LossyQueue()));
  assert.match(message, /point "answer 1" \(queue\.get\)/);
  assert.equal(replay, 'a:answer 1');
  assert.ok((await exploreCancellation(queueScenario(() => new Queue<number>()))) >= 8);
});

test('it finds a reader that loses a byte', async () => {
  const { message } = await failureOf(readerScenario(false));
  assert.match(message, /task "reader" at its point ".*" .*a byte was lost/);
  assert.ok((await exploreCancellation(readerScenario(true))) >= 4);
});

test('it finds a call that is not safe at a waiting call that need not wait', async () => {
  const { replay } = await failureOf(async (x) => {
    const first = new Lock();
    const second = new Lock();
    const holding = await first.acquire();
    x.task('both', async () => {
      using _ = await acquireBoth(first, second);
    });
    await sleep(1);
    holding[Symbol.dispose]();
    await x.settled();
    assert.ok(!first.locked(), 'the first lock was lost');
  });
  assert.equal(replay, 'both:delivered 1');
});

test('it finds what only a second cancel breaks', async () => {
  const patient: Scenario = async (x) => {
    let cleaned = true;
    const cleanUp = async (): Promise<void> => {
      await sleep(10);
      cleaned = true;
    };
    x.task('cleaner', async () => {
      cleaned = false;
      await sleep(10).catch(() => undefined);
      try {
        await cleanUp();
      } catch {
        await cleanUp(); // only one more try
      }
    });
    await x.settled();
    assert.ok(cleaned, 'not cleaned up');
  };
  await exploreCancellation(patient);
  const { replay } = await failureOf(patient, { cancels: 2 });
  assert.match(String(replay), /^cleaner:\w+ \d,cleaner:\w+ \d$/);
  await failureOf(patient, { replay: String(replay) });
});

test('with seeds it finds what depends on the order of wake-ups, and the replay has the seed', async () => {
  const scenario: Scenario = async (x) => {
    const event = new Event();
    const order: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      x.task(name, async () => {
        await event.wait();
        order.push(name);
      });
    }
    await sleep(1);
    event.set();
    await x.settled();
    assert.deepEqual(order, order.toSorted(), 'relies on the order');
  };
  await exploreCancellation(scenario);
  const error: unknown = await exploreCancellation(scenario, { seeds: [1] }).catch((each: unknown) => each);
  assert.match(String(error), /relies on the order/); // already undisturbed, with this seed
});

test('an error nobody hears of fails it', async () => {
  await assert.rejects(
    exploreCancellation(async (x) => {
      x.task('a', () => sleep(1));
      await x.settled();
      createTask(() => Promise.reject(new Error('unheard')));
      await sleep(1);
    }),
    /unheard/,
  );
});

test('a task that fails for another reason than its cancel fails it', async () => {
  const { message } = await failureOf(async (x) => {
    x.task('rude', async () => {
      await sleep(10).catch(() => {
        throw new InvalidStateError('cleanup failed');
      });
    });
    await x.settled();
  });
  assert.match(message, /point "start"|point "wait 1" \(sleep\) broke the scenario: cleanup failed/);
});

test('a scenario that is not the same in every run is an error, not a silence', async () => {
  let runs = 0;
  const { message } = await failureOf(async (x) => {
    const pause = runs++ === 0 ? 10 : 0;
    x.task('moody', async () => {
      if (pause > 0) await sleep(pause);
    });
    await x.settled();
  });
  assert.match(message, /task "moody" did not come by "wait 1": the scenario is not the same in every run/);
  await assert.rejects(
    exploreCancellation(
      lockScenario(() => new Lock()),
      { replay: 'z:wait 1' },
    ),
    /did not come by/,
  );
});

test('the points of a task are its start, and for each wait: begun, answered, delivered', async () => {
  const met: string[] = [];
  const points = await exploreCancellation(async (x) => {
    const task: Task<void> = x.task('only', async (self) => {
      assert.equal(self.name, 'only');
      met.push('ran');
      await sleep(5);
      await sleep(0);
    });
    await x.settled();
    assert.ok(task.done());
  });
  assert.equal(points, 1 + 3 + 3);
  assert.equal(met.length, 7, 'once undisturbed, and never when it was cancelled at its start');
});

test('options and names are checked', async () => {
  const scenario = lockScenario(() => new Lock());
  await assert.rejects(exploreCancellation(scenario, { replay: 'nonsense' }), {
    name: 'RangeError',
    message: 'Cannot replay: expected "task:point" or "task:point;seed", got "nonsense"',
  });
  await assert.rejects(exploreCancellation(scenario, { cancels: 3 as never }), RangeError);
  for (const options of [{ cancels: '1' }, { seeds: 7 }, { seeds: ['7'] }, { replay: 1 }, { seed: 7 }] as object[]) {
    await assert.rejects(exploreCancellation(scenario, options), TypeError, JSON.stringify(options));
  }
  await assert.rejects(exploreCancellation(7 as never), /^TypeError: Cannot explore: the scenario must be a function/);
  for (const name of ['a:b', 'a,b', 'a;b']) {
    await assert.rejects(
      exploreCancellation((x) => void x.task(name, () => undefined)),
      /a task's name may not contain/,
    );
  }
  await assert.rejects(
    exploreCancellation(async (x) => {
      x.task('twin', () => undefined);
      x.task('twin', () => undefined);
    }),
    /two tasks are named twin/,
  );
});

test('nothing to cancel is nothing to explore', async () => {
  assert.equal(await exploreCancellation(() => undefined), 0);
});

// ---- shuffleWakeups -----------------------------------------------------------------------------------------------------

/** The order in which tasks that were woken in one moment go on. */
async function wakeOrder(): Promise<string> {
  const event = new Event();
  const order: string[] = [];
  const tasks = [...'abcdefgh'].map((name) =>
    createTask(async () => {
      await event.wait();
      order.push(name);
    }),
  );
  await sleep(1);
  event.set();
  for (const task of tasks) await task;
  return order.join('');
}

fakeTest('shuffleWakeups changes the order of wake-ups of one moment, by its seed, until it is disposed', async () => {
  assert.equal(await wakeOrder(), 'abcdefgh');
  const orders: string[] = [];
  for (const seed of [1, 1, 2]) {
    using _ = shuffleWakeups(seed);
    orders.push(await wakeOrder());
  }
  assert.equal(orders[0], orders[1]);
  assert.notEqual(orders[0], orders[2]);
  assert.notEqual(orders[0], 'abcdefgh');
  assert.equal([...(orders[0] ?? '')].sort().join(''), 'abcdefgh');
  assert.equal(await wakeOrder(), 'abcdefgh');
});

fakeTest('shuffled wake-ups leave the order of a lock alone', async () => {
  using _ = shuffleWakeups(3);
  const lock = new Lock();
  const order: string[] = [];
  const tasks = [...'abcdef'].map((name) =>
    createTask(async () => {
      using _hold = await lock.acquire();
      order.push(name);
      await sleep(1);
    }),
  );
  for (const task of tasks) await task;
  assert.equal(order.join(''), 'abcdef');
  const cancelled = createTask(() => sleep(10));
  cancelled.cancel();
  await assert.rejects(cancelled.then(), CancelledError);
});
