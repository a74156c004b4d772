import assert from 'node:assert/strict';
import { describe } from 'node:test';
import {
  CancelledError,
  channel,
  createTask,
  currentTask,
  Event,
  Future,
  Lock,
  moveOnAfter,
  Queue,
  race,
  type RaceItem,
  Semaphore,
  setExceptionHandler,
  sleep,
  StreamReader,
  type Task,
  timeout,
  TimeoutError,
} from 'maitre';
import { exploreCancellation, seededRandom } from 'maitre/testing';
import { fakeTest, microtasks, nextTurn, test } from '../support/test.js';

const never = (): Promise<void> => sleep(Infinity);

// ---- who wins -----------------------------------------------------------------------------------------------------

fakeTest('the first to settle wins; the others are cancelled and waited for', async (clock) => {
  const log: string[] = [];
  const loser = async (): Promise<string> => {
    try {
      return await sleep(1000, 'late');
    } catch (error) {
      assert.ok(error instanceof CancelledError && error.reason.kind === 'race');
      await sleep(5);
      log.push('cleaned up');
      throw error;
    }
  };
  assert.equal(await race([loser, () => sleep(10, 'first')]), 'first');
  assert.deepEqual(log, ['cleaned up']);
  assert.equal(clock.now(), 15);
  assert.equal(currentTask()?.cancelling(), 0);
});

fakeTest('a failure of the winner rejects, once the others have ended', async (clock) => {
  const work = [
    async () => {
      await sleep(10);
      throw new Error('burnt');
    },
    async () => {
      try {
        await never();
      } finally {
        await sleep(5);
      }
    },
  ];
  await assert.rejects(race(work), /burnt/);
  assert.equal(clock.now(), 15);
});

fakeTest('members begin in order, also those behind one that settles at once', async () => {
  const log: number[] = [];
  const member = (n: number) => () => {
    log.push(n);
    return n;
  };
  assert.equal(await race([member(1), member(2), member(3)]), 1);
  assert.deepEqual(log, [1, 2, 3]);
});

fakeTest('of members that are answered together the one listed first wins, whatever was answered first', async () => {
  const a = new Queue<string>();
  const b = new Queue<string>();
  const racing = createTask(() => race([() => a.get(), () => b.get()]));
  await sleep(0);
  b.putNowait('b');
  a.putNowait('a');
  assert.equal(await racing, 'a');
  assert.deepEqual([a.qsize(), b.qsize()], [0, 1]);
});

fakeTest('of members that find what they wait for, the one listed first wins and the others take nothing', async () => {
  const queue = new Queue<string>();
  const lock = new Lock();
  const reader = new StreamReader();
  queue.putNowait('soup');
  reader.feedData(Buffer.from('line\n'));
  assert.equal(String(await race([() => reader.readLine(), () => queue.get(), () => lock.acquire()])), 'line\n');
  assert.equal(queue.getNowait(), 'soup');
  assert.ok(!lock.locked());
});

fakeTest('a Task or Future that loses is cancelled, a foreign promise is left alone', async () => {
  const task = createTask(never);
  const future = new Future<void>();
  const foreign = new Promise<void>(() => undefined);
  assert.equal(await race([task, future, foreign, () => sleep(1, 'won')]), 'won');
  assert.ok(task.cancelled() && future.cancelled());
});

fakeTest('a foreign promise can win, and one that rejects after the race is nobody`s error', async () => {
  assert.equal(await race([Promise.resolve('foreign'), never]), 'foreign');
  let reject: (error: unknown) => void = () => undefined;
  const late = new Promise<void>((_, no) => (reject = no));
  await race([late, () => sleep(1)]);
  reject(new Error('late'));
  await sleep(1);
});

fakeTest('what a loser returns in spite of its cancel is dropped, an error in its cleanup is reported', async () => {
  const reports: unknown[] = [];
  using _ = setExceptionHandler(({ message, error }) => reports.push(message, (error as Error).message));
  const stubborn = (): Promise<string> => never().then(String, () => 'all the same');
  const clumsy = (): Promise<string> =>
    never().then(String, () => {
      throw new Error('dropped a plate');
    });
  assert.equal(await race([stubborn, clumsy, () => sleep(1, 'won')]), 'won');
  assert.deepEqual(reports, ['A member of a race failed after another had won', 'dropped a plate']);
});

fakeTest("a member's signal aborts when it has lost, the winner's never", async () => {
  const signals: AbortSignal[] = [];
  const member =
    (ms: number): RaceItem<void> =>
    (it) => {
      signals.push(it.signal);
      return sleep(ms);
    };
  await race([member(10), member(1)]);
  assert.deepEqual(
    signals.map((signal) => signal.aborted),
    [true, false],
  );
});

test('arguments that are wrong reject before anything has begun', async () => {
  let begun = false;
  const begin = (): void => {
    begun = true;
  };
  await assert.rejects(race([]), RangeError);
  await assert.rejects(race([begin, 7 as never]), /^TypeError: Cannot race: expected functions, Tasks, Futures or/);
  await assert.rejects(race(begin as never), /^TypeError: Cannot race: expected an array, got the function begin/);
  assert.ok(!begun);
});

test('outside of tasks a race becomes one', async () => {
  const queue = new Queue<string>();
  queue.putNowait('soup');
  assert.equal(await race([() => sleep(1000), () => queue.get()]), 'soup');
});

// ---- cancels ------------------------------------------------------------------------------------------------------

fakeTest('an outside cancel ends every member and comes through, once all have ended', async (clock) => {
  const ended: number[] = [];
  const member = (ms: number) => async () => {
    try {
      await never();
    } finally {
      await sleep(ms);
      ended.push(ms);
    }
  };
  const task = createTask(() => race([member(10), member(20)]));
  await sleep(1);
  task.cancel('stop');
  await assert.rejects(task, { name: 'CancelledError', message: 'stop' });
  assert.deepEqual(ended, [10, 20]);
  assert.equal(clock.now(), 21);
  assert.equal(task.cancelling(), 1);
});

fakeTest('a cancel that a loser took in its cleanup meets the caller at its next wait', async () => {
  let won: string | undefined;
  const slow = async (): Promise<string> => {
    try {
      return await sleep(1000, 'late');
    } finally {
      await sleep(100);
    }
  };
  const task = createTask(async () => {
    won = await race([() => sleep(1, 'won'), slow]);
    await sleep(0);
    assert.fail('the cancel was lost');
  });
  await sleep(10);
  task.cancel('stop');
  await assert.rejects(task, { message: 'stop' });
  assert.equal(won, 'won');
});

fakeTest('so does one whose place an error of the loser takes', async () => {
  using _ = setExceptionHandler(() => undefined);
  let won: string | undefined;
  const clumsy = async (): Promise<string> => {
    try {
      return await sleep(1000, 'late');
    } finally {
      await sleep(100).catch(() => {
        throw new Error('dropped a plate');
      });
    }
  };
  const task = createTask(async () => {
    won = await race([() => sleep(1, 'won'), clumsy]);
    await sleep(0);
    assert.fail('the cancel was lost');
  });
  await sleep(10);
  task.cancel('stop');
  await assert.rejects(task, CancelledError);
  assert.equal(won, 'won');
});

fakeTest('a foreign signal ends the race, one that is aborted refuses it', async () => {
  const controller = new AbortController();
  const task = createTask(never);
  const racing = race([task, never], { signal: controller.signal });
  await sleep(1);
  controller.abort();
  await assert.rejects(racing, CancelledError);
  assert.ok(task.cancelled());
  const other = createTask(never);
  await assert.rejects(race([other], { signal: controller.signal }), CancelledError);
  await assert.rejects(other, CancelledError);
});

fakeTest('a deadline around a race ends it with TimeoutError, one inside it is the member`s', async (clock) => {
  await assert.rejects(
    timeout(10, () => race([never, never])),
    TimeoutError,
  );
  assert.equal(await race([never, () => moveOnAfter(5, never)]), undefined);
  assert.equal(clock.now(), 15);
  assert.equal(currentTask()?.cancelling(), 0);
});

// ---- nothing is lost ----------------------------------------------------------------------------------------------

test('a foreign promise that settles beside a delivery takes nothing from it', async () => {
  for (let gap = 0; gap < 16; gap++) {
    const queue = new Queue<string>();
    let settle: (value: string) => void = () => undefined;
    const foreign = new Promise<string>((resolve) => (settle = resolve));
    const racing = createTask(() =>
      race([
        async () => await queue.get().then((item) => item),
        async () => {
          return await foreign;
        },
      ]),
    );
    await nextTurn();
    if (gap < 8) {
      queue.putNowait('item');
      await microtasks(gap);
      settle('foreign');
    } else {
      settle('foreign');
      await microtasks(gap - 8);
      queue.putNowait('item');
    }
    const won = await racing;
    assert.ok(won === 'item' || queue.qsize() === 1, `lost ${gap} microtasks apart`);
  }
});

test('a foreign promise wins all the same when who got a delivery goes on waiting', async () => {
  const queue = new Queue<string>();
  let settle: (value: string) => void = () => undefined;
  const foreign = new Promise<string>((resolve) => (settle = resolve));
  const racing = createTask(() => race([() => queue.get().then(never), () => foreign]));
  await nextTurn();
  queue.putNowait('item');
  await microtasks(1);
  settle('foreign');
  assert.equal(await racing, 'foreign');
});

test('explored: whoever is cancelled, a race over a queue, a channel and a lock loses nothing', async () => {
  const runs = await exploreCancellation(
    async (x) => {
      const queue = new Queue<string>();
      const lock = new Lock();
      const [sender, receiver] = channel<string>();
      const got: string[] = [];
      let sent = false;
      x.task('racer', async () => {
        for (let i = 0; i < 2; i++) {
          const hold = await race([() => queue.get(), () => receiver.receive(), () => lock.acquire(), () => sleep(20)]);
          if (typeof hold === 'string') got.push(hold);
          else hold?.[Symbol.dispose]();
        }
      });
      x.task('rival', async () => {
        const item = await race([() => race([() => lock.acquire(), () => queue.get()]), () => sleep(20)]);
        if (typeof item === 'string') got.push(item);
        else item?.[Symbol.dispose]();
      });
      x.task('holder', async () => {
        using _ = await lock.acquire();
        await sleep(5);
      });
      x.task('sender', async () => {
        await sleep(5);
        queue.putNowait('queued');
        sent = (await moveOnAfter(10, () => sender.send('sent').then(() => true))) === true;
      });
      await x.settled();
      assert.ok(!lock.locked(), 'the lock is held');
      const waiting = await moveOnAfter(1, () => receiver.receive()); // handed back by a loser
      if (waiting !== undefined) got.push(waiting);
      assert.ok(!sent || got.includes('sent'), 'what was sent is lost');
      const left = queue.empty() ? [] : [queue.getNowait()];
      const queued = [...left, ...got.filter((item) => item === 'queued')];
      assert.ok(queued.length <= 1, 'an item came twice');
      if (sent) assert.deepEqual(queued, ['queued'], 'the item is lost');
      sender.close();
      receiver.close();
    },
    { seeds: [1, 2] },
  );
  assert.ok(runs > 40, `${runs} runs`);
});

/** One kitchen of many: what two racers get from it, and what is left, is what was put in. */
async function kitchen(seed: number, rounds: number): Promise<void> {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const queue = new Queue<string>();
  const [sender, receiver] = channel<string>(below(2));
  const reader = new StreamReader();
  const semaphore = new Semaphore(0);
  const lock = new Lock();
  const bell = new Event();
  const put: string[] = [];
  const got: string[] = [];
  const running: Task<unknown>[] = [];

  type Got = string | Buffer | Disposable | boolean | undefined;
  const own = [
    () => queue.get(),
    () => receiver.receive(),
    () => semaphore.acquire(),
    () => lock.acquire(),
    () => bell.wait(),
    () => sleep(below(3)).then(() => undefined),
  ];
  const lines = (): Promise<Got> => reader.readLine();
  const racer = async (mayRead: boolean): Promise<void> => {
    const member = (depth: number): (() => Promise<Got>) => {
      const choice = below(9);
      if (depth > 0 && choice === 8) return () => race(members(depth - 1));
      if (depth > 0 && choice === 7) {
        const inner = members(depth - 1);
        const ms = below(3);
        return () => moveOnAfter(ms, () => race(inner));
      }
      return own[choice % own.length] as () => Promise<Got>; // by index
    };
    const members = (depth: number): (() => Promise<Got>)[] =>
      Array.from({ length: 1 + below(3) }, () => member(depth));
    for (let round = 0; round < rounds; round++) {
      const all = members(2);
      if (mayRead) all.splice(below(all.length + 1), 0, lines);
      all.push(() => sleep(3).then(() => undefined));
      try {
        const item = below(4) === 0 ? await moveOnAfter(below(4), () => race(all)) : await race(all);
        if (typeof item === 'string') got.push(item);
        else if (item instanceof Uint8Array) got.push(String(item).trim());
        else if (typeof item === 'object') item[Symbol.dispose]();
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        currentTask()?.uncancel();
      }
    }
    // One that came with the last value is not to end the task.
    while ((currentTask()?.cancelling() ?? 0) > 0) currentTask()?.uncancel();
  };
  semaphore.release();
  running.push(
    createTask(() => racer(true)),
    createTask(() => racer(false)),
  );
  const racers = running.slice();
  for (let i = 0; racers.some((task) => !task.done()); i++) {
    const pause = below(6);
    if (pause === 0) await sleep(below(3));
    else await microtasks(pause);
    const item = String(i);
    switch (below(8)) {
      case 0:
      case 1:
        queue.putNowait(`q${item}`);
        put.push(`q${item}`);
        break;
      case 2:
        running.push(createTask(() => sender.send(`c${item}`)));
        put.push(`c${item}`);
        break;
      case 3:
      case 4:
        reader.feedData(Buffer.from(`r${item}\n`));
        put.push(`r${item}`);
        break;
      case 5:
        bell.set();
        bell.clear();
        break;
      case 6:
        if (below(3) === 0) racers[below(2)]?.cancel();
        break;
      default:
        await sleep(below(2));
    }
  }
  const first = got.slice();
  while (!queue.empty()) got.push(queue.getNowait());
  for (let item = await moveOnAfter(0, () => receiver.receive()); item !== undefined;) {
    got.push(item);
    item = await moveOnAfter(0, () => receiver.receive());
  }
  reader.feedEof();
  for await (const line of reader.lines()) got.push(line);
  for (const task of running) {
    await task.catch((error: unknown) => {
      if (!(error instanceof CancelledError)) throw error; // one that came before its first step, or as it ended
    });
  }
  assert.deepEqual(got.slice().sort(), put.slice().sort(), 'not all that was put came out, once');
  for (const kind of ['q', 'r']) {
    const inOrder = put.filter((item) => item.startsWith(kind));
    // Two racers write down what they got as they go on, so only one's lines have an order to hold.
    if (kind === 'r')
      assert.deepEqual(
        got.filter((item) => item.startsWith(kind)),
        inOrder,
        'lines out of order',
      );
  }
  assert.ok(first.length > 0 || put.length < 5);
  assert.ok(!lock.locked(), 'the lock is held');
  assert.ok(!semaphore.locked(), 'a permit is lost');
  sender.close();
  receiver.close();
}

describe('in 10,000 seeded rounds', () => {
  const rounds = 20;
  const kitchens = 250; // of two racers each
  const base = Number(process.env['RACE_SEED'] ?? 1);
  fakeTest(
    'races over reads, queues, channels, semaphores, locks, events and sleeps lose nothing',
    async () => {
      for (let seed = base; seed < base + kitchens; seed++) {
        try {
          await kitchen(seed, rounds);
        } catch (cause) {
          throw new Error(`RACE_SEED=${seed}: ${String(cause)}`, { cause });
        }
      }
    },
    { timeout: 60_000 },
  );
});
