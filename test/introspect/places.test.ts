// Places: that each kind of wait has the line of the program, and what stacks are made of.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CapacityLimiter,
  channel,
  Condition,
  createTask,
  Event,
  Lock,
  Queue,
  Semaphore,
  sleep,
  type StreamReader,
  type StreamWriter,
  type Task,
  TaskGroup,
  timeout,
} from 'maitre';
import { jsonLines } from 'maitre/streams';
import { memoryStreamPair } from 'maitre/testing';
import { sampleSites } from '#src/core/index.js';
import { takeSnapshot } from '#src/introspect/index.js';
import { placeOfFrame, spotOf } from '#src/introspect/places.js';
import { nextTurn, test } from '../support/test.js';

/** The functions below wait in a line of their own: their name is the function of the place. */
const waits: Readonly<Record<string, (reader: StreamReader, writer: StreamWriter) => Promise<unknown>>> = {
  async sleeps() {
    await sleep(Infinity);
  },
  async readsALine(reader) {
    return await reader.readLine();
  },
  async readsExactly(reader) {
    return await reader.readExactly(10);
  },
  async iteratesOverLines(reader) {
    for await (const line of reader.lines()) assert.fail(line);
  },
  async iteratesOverJson(reader) {
    for await (const value of jsonLines(reader)) assert.fail(String(value));
  },
  async drains(_, writer) {
    writer.write('x'.repeat(1_000_000));
    await writer.drain();
  },
  async readsInATimeout(reader) {
    await timeout(60_000, async function inside() {
      await reader.read();
    });
  },
  async readsInAGroup(reader) {
    await TaskGroup.run(async function inside() {
      await reader.read();
    });
  },
  async acquiresALock() {
    const lock = new Lock();
    await lock.acquire();
    using _ = await lock.acquire();
  },
  async acquiresASemaphore() {
    using _ = await new Semaphore(0).acquire();
  },
  async acquiresFromALimiter() {
    using _ = await new CapacityLimiter(0).acquire();
  },
  async waitsForAnEvent() {
    await new Event().wait();
  },
  async waitsForACondition() {
    const condition = new Condition();
    using _ = await condition.acquire();
    await condition.wait();
  },
  async getsFromAQueue() {
    await new Queue<number>().get();
  },
  async iteratesOverAQueue() {
    for await (const item of new Queue<number>()) assert.fail(String(item));
  },
  async receives() {
    const [, receiver] = channel<number>(1);
    await receiver.receive();
  },
};

test('each kind of wait has the line of the program that waits, not one of maitre', async () => {
  sampleSites(1);
  const pairs = Object.keys(waits).map(() => memoryStreamPair());
  const tasks = Object.entries(waits).map(([name, wait], i) => {
    const [end] = pairs[i] as (typeof pairs)[number];
    return createTask(() => wait(end.reader, end.writer), { name });
  });
  for (let i = 0; i < 5; i++) await nextTurn();
  sampleSites(0);
  const { tasks: rows, places } = takeSnapshot();
  const found = tasks.map(({ id, name }) => {
    const row = rows.find((each) => each.id === id);
    const place = places[row?.waits.find(({ tasks: children }) => children === undefined)?.place ?? -1];
    return [name, place?.text.replace(/\.[jt]s:\d+$/, ''), place?.function?.replace(/^Object\./, '')];
  });
  assert.deepEqual(
    found,
    tasks.map(({ name }) => [name, 'places.test', /InA(Timeout|Group)/.test(name) ? 'inside' : name]),
  );
  for (const task of tasks as readonly Task<unknown>[]) task.cancel();
  for (let i = 0; i < 5; i++) await nextTurn();
  for (const end of pairs.flat()) end.abort();
  for (const end of pairs.flat()) await end.writer.waitClosed();
});

/** A stack as the engine captures it. */
function captured(): { stack?: string } {
  const site: { stack?: string } = {};
  Error.captureStackTrace(site);
  return site;
}

test('the same place is the same object, and is formatted once', () => {
  const sites = [0, 1, 2].map(() => captured());
  let formatted = 0;
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace') ?? { value: undefined };
  Error.prepareStackTrace = (error, frames): string => {
    formatted++;
    return `${String(error)}\n    at ${String(frames[0])}`;
  };
  try {
    const spots = sites.map((site) => spotOf(site, false));
    assert.ok(spots[0] !== undefined && spots.every((spot) => spot === spots[0]));
    assert.ok(formatted <= 4, String(formatted)); // its frames, once
    if (process.versions['bun'] === undefined) assert.ok(formatted > 0); // Bun formats it as it captures it
  } finally {
    Object.defineProperty(Error, 'prepareStackTrace', before);
  }
});

test('whatever formats stacks in the process stays as it was, even if it fails', () => {
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace') ?? { value: undefined };
  const rude = (): never => {
    throw new Error('no');
  };
  Object.defineProperty(Error, 'prepareStackTrace', { value: rude, configurable: true, writable: true });
  try {
    const spot = spotOf(captured(), false);
    assert.match(spot?.place.text ?? '', /^places\.test\.[jt]s:\d+$/);
    const after = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
    assert.equal(after?.value, rude);
  } finally {
    Object.defineProperty(Error, 'prepareStackTrace', before);
  }
});

test('a stack that was formatted before is read as text', () => {
  const site = captured();
  assert.match(site.stack ?? '', /places\.test\.[jt]s/);
  assert.match(spotOf(site, false)?.place.text ?? '', /^places\.test\.[jt]s:\d+$/);
});

test('frames of every form are understood', () => {
  const of = (frame: string): unknown => {
    const place = placeOfFrame(frame);
    return place === undefined ? undefined : [place.function, place.file, place.line, place.column, place.text];
  };
  const forms: readonly (readonly [frame: string, place: unknown])[] = [
    ['handler (file:///srv/chat.ts:14:3)', ['handler', 'file:///srv/chat.ts', 14, 3, 'chat.ts:14']],
    [
      'async Kitchen.cook (/srv/my kitchen (old)/oven.js:2:1)',
      ['Kitchen.cook', '/srv/my kitchen (old)/oven.js', 2, 1, 'oven.js:2'],
    ],
    ['C:\\srv\\chat.js:7:9', [undefined, 'C:\\srv\\chat.js', 7, 9, 'chat.js:7']],
    ['file:///srv/a.ts?v=3:1:2', [undefined, 'file:///srv/a.ts?v=3', 1, 2, 'a.ts:1']],
    ['new Promise (<anonymous>)', undefined],
    ['async Promise.all (index 0)', undefined],
  ];
  assert.deepEqual(
    forms.map(([frame]) => of(frame)),
    forms.map(([, place]) => place),
  );
});

test('source maps count: a place is a line of the source', () => {
  const folder = mkdtempSync(join(tmpdir(), 'maitre-places-'));
  try {
    const map = { version: 3, sources: ['soup.ts'], names: [], mappings: ';;;AAUA' }; // line 4 of the output is line 11
    const script = join(folder, 'soup.mjs');
    const room = (name: string): string => JSON.stringify(new URL(`../../../dist/${name}`, import.meta.url).href);
    writeFileSync(
      script,
      `import { createTask, sleep } from ${room('index.node.js')}; import { sampleSites } from ${room('core/index.js')};
import { takeSnapshot } from ${room('introspect/index.js')};
sampleSites(1);
const task = createTask(() => sleep(1000), { eager: true });
const { tasks, places } = takeSnapshot();
console.log(places[tasks[0].waits[0].place].text);
task.cancel();
//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}
`,
    );
    const run = (...flags: string[]): string =>
      spawnSync(process.execPath, [...flags, script], { encoding: 'utf8' }).stdout.trim();
    const { bun, deno } = process.versions; // Bun never reads maps, Deno always does
    assert.equal(run('--enable-source-maps'), bun === undefined ? 'soup.ts:11' : 'soup.mjs:4');
    assert.equal(run(), deno === undefined ? 'soup.mjs:4' : 'soup.ts:11');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
