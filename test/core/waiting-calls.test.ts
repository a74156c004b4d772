// One rule for every waiting call of the public doors, held for all of them:
// - cancelled while nobody awaits it, it ends no process: no rejection counts as unhandled;
// - it is a cancellation point: a cancel that is kept comes out of it;
// - where it takes `{ signal }`, an abort cancels it.
// A new function or method has to be listed here: among the calls, or among what does not wait.
import assert from 'node:assert/strict';
import * as door from 'maitre';
import * as pools from 'maitre/pool';
import * as testing from 'maitre/testing';
import * as workers from 'maitre/workers';
import { fakeCrew, type FakeLeaf } from '../support/fake-workers.js';
import { microtasks, nextTurn, test } from '../support/test.js';

/** A call that waits, for as long as nothing else happens. */
interface Call {
  readonly begin: (options?: { readonly signal: AbortSignal }) => PromiseLike<unknown>;
  /** Ends what was set up for it. */
  readonly end?: () => unknown;
}
interface Listed {
  readonly set: () => Call | Promise<Call>;
  /** It takes `{ signal }`. Default true. */
  readonly signal?: false;
  /** It is no cancellation point when it begins, for the reason that is given. */
  readonly notAtBegin?: string;
  /** It waits for the system and ends by itself: it is cancelled in the turn in which it begins. */
  readonly soon?: boolean;
}

const never = (): Promise<void> => door.sleep(Infinity);
const call = (begin: Call['begin'], end?: () => unknown): Call => (end === undefined ? { begin } : { begin, end });
/** A call without anything to end. */
const plain = (begin: Call['begin']): Listed => ({ set: () => ({ begin }) });
const noSignal = (set: Listed['set']): Listed => ({ set, signal: false });

const held = async (lock: { acquire(): Promise<Disposable> }): Promise<void> => void (await lock.acquire());
const reader = (): door.StreamReader => new door.StreamReader();

/** An accepted connection and the one that opened it; neither says anything. */
async function connected() {
  const accepted = new door.Future<door.Connection>();
  const server = await door.startServer(
    async (_reader, _writer, connection) => {
      if (!accepted.done()) accepted.setResult(connection);
      connection.detach();
    },
    { host: '127.0.0.1', port: 0 },
  );
  const { port } = server.addresses[0] as { port: number }; // it listens on one address
  const opened = await door.openConnection({ host: '127.0.0.1', port });
  const connection = await accepted;
  const end = async (): Promise<void> => {
    opened.abort();
    connection.abort();
    await server.shutdown({ grace: 0 });
  };
  return { server, opened, connection, port, end };
}
const overSockets =
  (
    begin: (
      sockets: Awaited<ReturnType<typeof connected>>,
      options?: { readonly signal: AbortSignal },
    ) => PromiseLike<unknown>,
  ) =>
  async (): Promise<Call> => {
    const sockets = await connected();
    return call((options) => begin(sockets, options), sockets.end);
  };
/** A writer that holds more than its high water mark, and will not get rid of it. */
const overFull = (
  begin: (connection: door.Connection, options?: { readonly signal: AbortSignal }) => PromiseLike<unknown>,
) =>
  overSockets(({ opened }, options) => {
    opened.writer.setWriteBufferLimits({ high: 1, low: 0 });
    for (let i = 0; i < 300 && opened.writer.bufferedBytes < 20_000_000; i++)
      opened.writer.write(Buffer.alloc(200_000));
    return begin(opened, options);
  });
const overUdp =
  (begin: (endpoint: door.DatagramEndpoint, options?: { readonly signal: AbortSignal }) => PromiseLike<unknown>) =>
  async (): Promise<Call> => {
    const endpoint = await door.createDatagramEndpoint({ local: { host: '127.0.0.1', port: 0 } });
    return call(
      (options) => begin(endpoint, options),
      () => endpoint.close(),
    );
  };

/** A supervisor with one worker. Its second one does not become ready, and none ends that is told to, unless `isWilling`. */
const overWorkers =
  (
    begin: (supervisor: workers.Supervisor, options?: { readonly signal: AbortSignal }) => PromiseLike<unknown>,
    isWilling = false,
  ) =>
  async (): Promise<Call> => {
    const { supervisor, end } = fakeCrew({}, (leaf: FakeLeaf) => {
      leaf.isWilling = isWilling;
      if (leaf.id === 1) leaf.ready();
    });
    await supervisor.start(1);
    return call((options) => begin(supervisor, options), end);
  };

const calls: Readonly<Record<string, Listed>> = {
  // tasks
  sleep: plain((options) => door.sleep(Infinity, undefined, options)),
  cancellable: plain((options) => door.cancellable(new Promise(() => undefined), options)),
  timeout: plain((options) => door.timeout(1e6, never, options)),
  timeoutAt: plain((options) => door.timeoutAt(door.loopTime() + 1e6, never, options)),
  moveOnAfter: plain((options) => door.moveOnAfter(1e6, never, options)),
  waitFor: plain((options) => door.waitFor(never, 1e6, options)),
  'waitFor of a future': plain((options) => door.waitFor(new door.Future(), 1e6, options)),
  'Awaitable.then': noSignal(() => call(() => new door.Future().then())),
  'Awaitable.catch': noSignal(() => call(() => new door.Future().catch())),
  'Awaitable.finally': noSignal(() => call(() => new door.Future().finally())),
  gather: {
    ...plain((options) => door.gather([never, never], options).then()),
    notAtBegin: 'its tasks begin, and take it',
  },
  shield: {
    ...noSignal(() => {
      const task = door.createTask(never);
      return call(
        () => door.shield(task).then(),
        () => task.cancel(),
      );
    }),
    notAtBegin: 'the await of it takes it',
  },
  wait: noSignal(() => {
    const future = new door.Future();
    return call((options) => door.wait([future], options));
  }),
  'asCompleted().next': plain((options) => door.asCompleted([new door.Future()], options).next()),
  race: plain((options) => door.race([never, never], options)),
  'TaskGroup::run': plain((options) => door.TaskGroup.run((group) => void group.createTask(never), options)),
  'TaskGroup.start': noSignal(() => call(() => door.TaskGroup.run((group) => group.start(never)))),
  // sync
  'Lock.acquire': {
    set: async () => {
      const lock = new door.Lock();
      await held(lock);
      return call((options) => lock.acquire(options));
    },
  },
  'Event.wait': plain((options) => new door.Event().wait(options)),
  'Condition.acquire': {
    set: async () => {
      const condition = new door.Condition();
      await held(condition);
      return call((options) => condition.acquire(options));
    },
  },
  'Condition.wait': noSignal(async () => {
    const condition = new door.Condition();
    await held(condition);
    return call((options) => condition.wait(options));
  }),
  'Condition.waitFor': noSignal(async () => {
    const condition = new door.Condition();
    await held(condition);
    return call((options) => condition.waitFor(() => false, options));
  }),
  'Semaphore.acquire': plain((options) => new door.Semaphore(0).acquire(options)),
  'CapacityLimiter.acquire': plain((options) => new door.CapacityLimiter(0).acquire(options)),
  'Barrier.wait': plain((options) => new door.Barrier(2).wait(options)),
  // queues
  'Queue.get': plain((options) => new door.Queue().get(options)),
  'Queue.put': plain((options) => {
    const queue = new door.Queue<number>(1);
    queue.putNowait(1);
    return queue.put(2, options);
  }),
  'Queue.join': plain((options) => {
    const queue = new door.Queue<number>();
    queue.putNowait(1);
    return queue.join(options);
  }),
  'Queue[Symbol.asyncIterator]().next': noSignal(() => call(() => new door.Queue()[Symbol.asyncIterator]().next())),
  'Sender.send': plain((options) => door.channel<number>()[0].send(1, options)),
  'Receiver.receive': plain((options) => door.channel()[1].receive(options)),
  'Receiver[Symbol.asyncIterator]().next': noSignal(() => call(() => door.channel()[1][Symbol.asyncIterator]().next())),
  'Broadcast.publish': {
    set: async () => {
      const hub = door.broadcast<number>({ capacity: 1, slow: 'wait' });
      hub.subscribe();
      await hub.publish(1);
      return call((options) => hub.publish(2, options));
    },
  },
  'Subscription.receive': plain((options) => door.broadcast().subscribe().receive(options)),
  'Subscription[Symbol.asyncIterator]().next': noSignal(() =>
    call(() => door.broadcast().subscribe()[Symbol.asyncIterator]().next()),
  ),
  'merge().next': noSignal(() => call(() => door.merge(new door.Queue(), new door.Queue()).next())),
  // time
  'every().next': noSignal(() => {
    const ticks = door.every(1e6)[Symbol.asyncIterator]();
    return call(() => ticks.next());
  }),
  retry: plain((options) =>
    door.retry(() => Promise.reject(new Error('no')), { ...options, attempts: 5, backoff: 1e6, maxBackoff: 1e6 }),
  ),
  'rateLimit().acquire': {
    set: () => {
      const limiter = door.rateLimit(1, 1e6);
      limiter.tryAcquire();
      return call((options) => limiter.acquire(options));
    },
  },
  // streams
  'memoryStreamPair()[0].reader.read': plain((options) => testing.memoryStreamPair()[0].reader.read(1, options)),
  'lockstepStreamPair()[0].close': {
    set: () => {
      const [a] = testing.lockstepStreamPair();
      a.writer.write('x'); // nobody reads it
      return call((options) => a.close(options));
    },
  },
  'StreamReader.read': plain((options) => reader().read(1, options)),
  'StreamReader.readAll': plain((options) => reader().readAll(100, options)),
  'StreamReader.readExactly': plain((options) => reader().readExactly(1, options)),
  'StreamReader.readUntil': plain((options) => reader().readUntil('\n', options)),
  'StreamReader.readLine': plain((options) => reader().readLine(options)),
  'StreamReader.readTextLine': plain((options) => reader().readTextLine(options)),
  'StreamReader.chunks().next': noSignal(() => call(() => reader().chunks().next())),
  pipe: plain((options) => door.pipe(reader(), testing.memoryStreamPair()[0].writer, options)),
  feedParser: plain((options) => door.feedParser(reader(), { parse: () => undefined }, options)),
  splice: plain((options) => door.splice(testing.memoryStreamPair()[0], testing.memoryStreamPair()[1], options)),
  'StreamWriter.flushed': { set: overFull(({ writer }, options) => writer.flushed(options)) },
  'StreamReader.lines().next': plain((options) => reader().lines('utf8', options).next()),
  'StreamReader[Symbol.asyncIterator]().next': noSignal(() => call(() => reader()[Symbol.asyncIterator]().next())),
  'frames().read': plain((options) => door.frames(reader()).read(options)),
  'frames()[Symbol.asyncIterator]().next': noSignal(() =>
    call(() => door.frames(reader())[Symbol.asyncIterator]().next()),
  ),
  'jsonLines().read': plain((options) => door.jsonLines(reader()).read(options)),
  'netstrings().read': plain((options) => door.netstrings(reader()).read(options)),
  'StreamWriter.drain': { set: overFull(({ writer }, options) => writer.drain(options)) },
  'StreamWriter.waitClosed': { set: overSockets(({ opened }, options) => opened.writer.waitClosed(options)) },
  'StreamWriter.startTls': noSignal(overSockets(({ opened }) => opened.writer.startTls({}))),
  // net
  'Connection.close': { set: overFull((connection, options) => connection.close(options)) },
  startServer: {
    ...noSignal(() => call(() => door.startServer(() => undefined, { host: '127.0.0.1', port: 0 }))),
    soon: true,
  },
  'Server.serveForever': {
    set: async () => {
      const server = await door.startServer(() => undefined, { host: '127.0.0.1', port: 0 });
      return call(
        (options) => server.serveForever(options),
        () => server.shutdown({ grace: 0 }),
      );
    },
  },
  'Server.startServing': {
    set: async () => {
      const server = await door.startServer(() => undefined, { host: '127.0.0.1', port: 0, startServing: false });
      return call(
        (options) => server.startServing(options),
        () => server.shutdown({ grace: 0 }),
      );
    },
  },
  'Server.waitClosed': { set: overSockets(({ server }, options) => server.waitClosed(options)) },
  'Server.shutdown': { set: overSockets(({ server }, options) => server.shutdown({ ...options, grace: 5000 })) },
  openConnection: {
    set: async () => {
      const { server, port, end } = await connected();
      assert.ok(server.isServing());
      // It connects at once on loopback: an answer that never comes is that of a handshake.
      return call(
        (options) => door.openConnection({ host: '127.0.0.1', port, tls: { rejectUnauthorized: false }, ...options }),
        end,
      );
    },
  },
  'DatagramEndpoint.receive': { set: overUdp((endpoint, options) => endpoint.receive(options)) },
  'DatagramEndpoint.waitClosed': { set: overUdp((endpoint, options) => endpoint.waitClosed(options)) },
  'DatagramEndpoint[Symbol.asyncIterator]().next': noSignal(
    overUdp((endpoint) => endpoint[Symbol.asyncIterator]().next()),
  ),
  createDatagramEndpoint: {
    ...plain((options) => door.createDatagramEndpoint({ local: { host: '127.0.0.1', port: 0 }, ...options })),
    soon: true,
  },
  // pools
  'Pool.acquire': {
    set: () => {
      const pool = new pools.Pool({ create: never });
      return call(
        (options) => pool.acquire(options),
        () => pool.shutdown({ grace: 0 }),
      );
    },
  },
  'Pool.use': {
    set: () => {
      const pool = new pools.Pool({ create: never });
      return call(
        (options) => pool.use(() => undefined, options),
        () => pool.shutdown({ grace: 0 }),
      );
    },
  },
  'Pool.shutdown': noSignal(async () => {
    const pool = new pools.Pool({ create: () => 1 });
    const lease = await pool.acquire();
    return call(
      () => pool.shutdown({ grace: 5000 }),
      () => lease.release(),
    );
  }),
  // workers
  'Supervisor.reload': { set: overWorkers((supervisor, options) => supervisor.reload(options)) },
  'Supervisor.scale': { set: overWorkers((supervisor, options) => supervisor.scale(2, options)) },
  'Supervisor.serveForever': { set: overWorkers((supervisor, options) => supervisor.serveForever(options), true) },
  'Supervisor.shutdown': { set: overWorkers((supervisor, options) => supervisor.shutdown({ ...options })) },
  // testing
  allTasksBlocked: plain((options) => testing.allTasksBlocked(options)),
  'Sequencer.step': noSignal(() => call(() => new testing.Sequencer().step(1))),
  'FakeClock.advance': noSignal(() => {
    const clock = new testing.FakeClock();
    return call(
      () => clock.advance(10),
      () => clock[Symbol.dispose](),
    );
  }),
};

for (const [name, { set, signal = true, notAtBegin, soon = false }] of Object.entries(calls)) {
  test(`${name}: cancelled while nobody awaits it, it causes no unhandled rejection`, async () => {
    const { begin, end } = await set();
    const task = door.createTask(async () => {
      void begin();
      await never();
    });
    for (let i = 0; i < (soon ? 0 : 2); i++) await nextTurn();
    if (soon) await microtasks(10);
    task.cancel();
    await task.catch(() => undefined);
    for (let i = 0; i < 5; i++) await nextTurn();
    await end?.();
  });

  if (notAtBegin === undefined) {
    test(`${name}: a kept cancel comes out of it`, async () => {
      const { begin, end } = await set();
      const task = door.createTask(async () => {
        door.currentTask()?.cancel('kept');
        await begin();
      });
      await assert.rejects(async () => task, { name: 'CancelledError', message: 'kept' });
      await end?.();
    });
  }

  if (signal) {
    test(`${name}: an abort of its signal cancels it`, async () => {
      const { begin, end } = await set();
      const aborter = new AbortController();
      const promise = begin({ signal: aborter.signal });
      void Promise.resolve(promise).catch(() => undefined);
      aborter.abort();
      await assert.rejects(async () => promise, { name: 'CancelledError' });
      await end?.();
    });
  }
}

/** What does not wait, of all that the doors have. */
const NOT_WAITING = new Set(
  `Awaitable.done Awaitable.cancelled Awaitable.result Awaitable.exception Awaitable.cancel
    Awaitable.cancelFor Awaitable.cancelWith Awaitable.addDoneCallback Awaitable.subscribe
    Awaitable.unsubscribe Awaitable.subscribers Awaitable.markHandled Awaitable.countTaker Awaitable.failed
    Awaitable.passOutcomeTo Awaitable.settle Awaitable.reportFields Barrier.reset
    Barrier.abort Barrier.statistics BoundedSemaphore.release Broadcast.statistics
    Broadcast.subscribe Broadcast.close CapacityLimiter.statistics Condition.release
    Condition.locked Condition.notify Condition.notifyAll Condition.statistics
    Connection.endWithin Connection.endNow Connection.statistics Connection.detach
    Connection.serveWith Connection.endReading Connection.overflowed Connection.setAddresses
    Connection.fail Connection.activity DatagramEndpoint.endWithin DatagramEndpoint.joinGroup
    DatagramEndpoint.leaveGroup DatagramEndpoint.close DatagramEndpoint.statistics
    Event.isSet Event.set Event.clear Event.statistics Future.setResult Future.setException
    Future.answer Future.fail Future.applyCancel Lock.release Lock.locked Lock.statistics Lock.restore
    Queue.qsize Queue.empty Queue.full Queue.putNowait Queue.getNowait Queue.taskDone
    Lease.release Lease.discard Lease.end Pool.endWithin
    Pool.endNow Pool.statistics Pool.holders Pool.remove Queue.shutdown Queue.statistics Receiver.receiveNowait Receiver.clone Receiver.close
    Receiver.statistics Semaphore.release Semaphore.locked Semaphore.statistics Lock.holders Semaphore.holders CapacityLimiter.holders
    Sender.sendNowait Sender.clone Sender.close Sender.statistics Server.statistics Server.endWithin
    Awaitable.outcome Server.begin Server.worked isConnectionLost serveInMemory Connection.abort Connection.handOver
    Connection.workedOnBy Connection.holdBack
    Connection.onTransportClose Connection.holding StreamReader.chunks StreamReader.takeBack StreamReader.drop Server.endNow Server.isServing Server.setSecureContext Server.close Server.closeClients
    Server.abortClients StreamReader.tryReadLine StreamReader.atEof StreamReader.exception
    StreamReader.feedData StreamReader.feed StreamReader.feedEof StreamReader.setException
    StreamReader.setTransport StreamReader.takeHeld StreamWriter.write
    StreamWriter.writelines StreamWriter.close StreamWriter.isClosing StreamWriter.canWriteEof
    StreamWriter.writeEof StreamWriter.abort StreamWriter.getExtraInfo StreamWriter.setWriteBufferLimits
    StreamWriter.onWritten StreamWriter.onClose Subscription.statistics Subscription.close
    Broadcast.endSubscriptions Subscription.endTooSlow Subscription.offer Subscription.put Subscription.end Task.cancelling Task.uncancel Task.applyCancel
    Supervisor.endWithin Supervisor.endNow Supervisor.statistics Supervisor.dump WorkerBroadcast.statistics
    WorkerBroadcast.close Task.stack Task.reportFields TaskGroup.createTask TaskGroup.cancel TaskGroup.settled
    Timeout.when Timeout.expired Timeout.reschedule Timeout.finish Timeout.error allTasks broadcast callAt
    callLater callSoon captureCallGraph channel createTask currentDeadline currentTask formatAddress
    formatCallGraph fromNodeDuplex fromNodeReadable fromNodeWritable fromWebReadable fromWebWritable listenFds
    loopTime rateLimit setExceptionHandler toNodeDuplex toNodeReadable toNodeWritable toWebReadable
    toWebWritable writeFrame writeJsonLine writeNetstring FakeClock.elapse FakeClock.now FakeClock.jump FaultyLink.stall
    FaultyLink.reset Simulation.start drawFaults duplexChecks executorChecks
    lockstepStreamPair memoryStreamPair seededRandom shuffleWakeups`.split(/\s+/),
);
/** Methods that never wait, whoever has them. */
const NEVER_WAITING = ['constructor', 'describeState', 'make', 'toString'];
/** Calls that wait and are listed by another name, or are tested elsewhere for the reason given. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'DatagramEndpoint.send': 'waits for a name or the kernel, which no test can hold up: datagram-endpoint.test.ts',
  'Connection.startTls': 'StreamWriter.startTls',
  asCompleted: 'asCompleted().next',
  every: 'every().next',
  merge: 'merge().next',
  'StreamReader.lines': 'StreamReader.lines().next',
  frames: 'frames().read',
  jsonLines: 'jsonLines().read',
  netstrings: 'netstrings().read',
  'FaultyLink.waitClosed': 'faulty-link.test.ts',
  'Simulation.shutdown': 'simulate.test.ts',
  'Supervisor.start': 'is what serveWorkers waits for: supervisor.test.ts',
  serveWorkers: 'starts workers: serve-workers.long.test.ts',
  'WorkerBroadcast.publish': 'worker-broadcast.test.ts',
  run: 'is the frame of a program: a main that is cancelled, and of which nobody hears, should not end it in silence',
  simulate: 'is a run of its own: simulate.test.ts',
  checkDuplex: 'is a suite',
  checkExecutor: 'is a suite',
  exploreCancellation: 'is an exploration',
  runWithFakeClock: 'is a run of its own',
  withLeakCheck: 'is around a test',
};

test('every function and method of the doors is listed, as one that waits or as one that does not', () => {
  const names = [door, pools, testing, workers].flatMap((each) =>
    Object.entries(each).flatMap(([name, value]) => publicCalls(name, value)),
  );
  const unlisted = names.filter((name) => !(name in calls || name in ELSEWHERE || NOT_WAITING.has(name)));
  assert.deepEqual(unlisted, []);
  assert.deepEqual(
    [...NOT_WAITING].filter((name) => !names.includes(name)),
    [],
    'listed, but no longer there',
  );
});

/** A function by its name; of a class the methods, `Class.method`, and what it has itself, `Class::method`. */
function publicCalls(name: string, value: unknown): string[] {
  if (typeof value !== 'function') return [];
  if (!Function.prototype.toString.call(value).startsWith('class')) return [name];
  if (value.prototype instanceof Error) return [];
  const sides = [
    [value.prototype as object, '.'],
    [value, '::'],
  ] as const;
  return sides.flatMap(([side, mark]) =>
    Object.entries(Object.getOwnPropertyDescriptors(side))
      .filter(([key, { value: fn }]) => typeof fn === 'function' && !NEVER_WAITING.includes(key))
      .map(([key]) => `${name}${mark}${key}`),
  );
}
