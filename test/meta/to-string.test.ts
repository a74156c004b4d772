// toString() has one form for everything that users may print: `<Kind "name" state, ...>`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as maitre from 'maitre';
import * as lowlevel from 'maitre/lowlevel';
import * as testing from 'maitre/testing';

/** The kind, the name in quotes if there is one, and the state. */
const form = /^<([A-Z][A-Za-z]*)( "(?:[^"\\]|\\.)*")? [^<>"\n]+(?:"[^"]*"[^<>"\n]*)*>$/;

/** Classes whose objects are made by nobody but their subclasses, or hold what others put in. */
const withoutText = [
  'AsyncIteration',
  'Awaitable',
  'Deque',
  'Heap',
  'Line',
  'LinkedSet',
  'QueuedWait',
  'Resource',
  'Wait',
];

test('everything that users may print has the one form', async () => {
  const texts = await textsOfAll();
  for (const [name, text] of Object.entries(texts)) {
    const [, kind = ''] = form.exec(text) ?? [];
    assert.ok(kind !== '', `${name} prints ${text}`);
  }
});

test('a text begins with the class, and has the name in quotes if there is one', () => {
  const cases: [unknown, string][] = [
    [new maitre.Lock({ name: 'db' }), '<Lock "db" unlocked>'],
    [new maitre.Lock(), '<Lock unlocked>'],
    [new maitre.Event({ name: 'say "go"' }), String.raw`<Event "say \"go\"" not set, 0 waiting>`],
    [new maitre.CapacityLimiter(3, { name: 'cores' }), '<CapacityLimiter "cores" 3 total, 0 borrowed, 0 waiting>'],
    [
      maitre.channel(1, { name: 'Channel' })[1],
      '<Receiver "Channel" 0 size, 1 capacity, 1 senders, 1 receivers, 0 sending, 0 receiving>',
    ],
    [new maitre.Future(), '<Future pending>'],
  ];
  for (const [value, text] of cases) assert.equal(String(value), text);
});

test('a resource of your own has the form too, with its statistics for a state', () => {
  class TeaKettle extends lowlevel.Resource {
    get kind(): string {
      return 'tea kettle';
    }
    statistics(): object {
      return { hot: true, full: false, cups: 2, owner: null, history: [] };
    }
  }
  assert.equal(String(new TeaKettle({ name: 'blue' })), '<TeaKettle "blue" hot, not full, 2 cups>');
});

test('no class of the doors is forgotten', async () => {
  const classes = [maitre, testing, lowlevel].flatMap((door) =>
    Object.entries(door)
      .filter(([, value]) => typeof value === 'function' && isClass(value) && !(value.prototype instanceof Error))
      .map(([name]) => name),
  );
  const known = new Set([...Object.keys(await textsOfAll()), ...withoutText]);
  assert.deepEqual(
    classes.filter((name) => !known.has(name)),
    [],
  );
});

function isClass(value: object): boolean {
  return Function.prototype.toString.call(value).startsWith('class');
}

/** What one of each class prints, by the name of the class; named where it takes a name. */
async function textsOfAll(): Promise<Record<string, string>> {
  const name = 'a name';
  const [sender, receiver] = maitre.channel(1, { name });
  const broadcast = new maitre.Broadcast({ name });
  const { server, connect } = testing.serveInMemory(() => maitre.sleep(Infinity), { port: 8002 });
  const client = await connect();
  const endpoint = await maitre.createDatagramEndpoint({ local: { host: '127.0.0.1', port: 0 } });
  const [one, other] = testing.memoryStreamPair();
  const link = new testing.FaultyLink(one, other);
  const target = await maitre.startServer(() => maitre.sleep(Infinity), { host: '127.0.0.1', port: 0 });
  const simulation = await testing.simulate({ target: { port: target.port } });
  const simulated = await maitre.openConnection({ host: '127.0.0.1', port: simulation.port });
  while (simulation.connections.length === 0) await maitre.sleep(1);
  const task = maitre.createTask(() => maitre.sleep(Infinity), { name });
  const failed = maitre.createTask(() => Promise.reject(new Error('no')));
  await failed.catch(() => undefined);
  const handle = maitre.callLater(1e6, () => undefined);
  const clock = new testing.FakeClock();
  const shield = maitre.shield(task);
  const gathering = maitre.gather([task]);
  const texts = {
    Barrier: new maitre.Barrier(2, { name }),
    BoundedSemaphore: new maitre.BoundedSemaphore(1, { name }),
    Broadcast: broadcast,
    CapacityLimiter: new maitre.CapacityLimiter(1, { name }),
    Condition: new maitre.Condition(undefined, { name }),
    Connection: client,
    DatagramEndpoint: endpoint,
    'end of a pair': one,
    Event: new maitre.Event({ name }),
    'failed Task': failed,
    FakeClock: clock,
    FaultyLink: link,
    Future: new maitre.Future(),
    Gathering: gathering,
    Handle: handle,
    LifoQueue: new maitre.LifoQueue(1, { name }),
    Lock: new maitre.Lock({ name }),
    PriorityQueue: new maitre.PriorityQueue(1, { name }),
    Queue: new maitre.Queue(1, { name }),
    RateLimiter: maitre.rateLimit(1, 10),
    Receiver: receiver,
    Semaphore: new maitre.Semaphore(1, { name }),
    Sender: sender,
    Sequencer: new testing.Sequencer(),
    Server: server,
    Shield: shield,
    SimulatedConnection: simulation.connections[0],
    Simulation: simulation,
    StreamReader: one.reader,
    StreamWriter: one.writer,
    Subscription: broadcast.subscribe(),
    Task: task,
    TaskGroup: await maitre.TaskGroup.run((group) => String(group), { name }),
    'TaskGroup without a name': await maitre.TaskGroup.run((group) => String(group)),
    Timeout: await maitre.timeout(1e6, (timeout) => String(timeout)),
  };
  const result = Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, String(value)]));
  clock[Symbol.dispose]();
  handle.cancel();
  for (const each of [task, shield, gathering]) each.cancel();
  link.reset();
  await link.waitClosed();
  for (const each of [client, simulated, one, other]) each.abort();
  endpoint.close();
  await simulation.shutdown();
  await Promise.all([server, target].map((each) => each.shutdown({ grace: 0 })));
  return result;
}
