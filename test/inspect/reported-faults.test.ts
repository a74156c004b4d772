// Faults of other observers, as the public has reported them, restated as what maitre must not do. Each is held by a test
// where its part is tested; this file has the list, checks that it is true, and has the tests that belong nowhere else.
import assert from 'node:assert/strict';
import { sampleSites } from '#src/core/index.js';
import { groupsOf, takeSnapshot } from '#src/introspect/index.js';
import { createTask, Event, sleep, type Task } from 'maitre';
import { readText } from '../meta/source-files.js';
import { test } from '../support/test.js';

/** The report, what went wrong there, the test that holds maitre to the opposite, and its file below test/. */
const faults: readonly (readonly [report: string, fault: string, test: string, file: string])[] = [
  [
    'tokio-rs/console#355',
    'the list shows tasks, and not where each one waits',
    'each wait has its place, or says that it is unknown',
    'inspect/reported-faults',
  ],
  [
    'tokio-rs/console#70',
    'a recording exists, and nothing can open it',
    'opens offline and shows the block with its stack, and who called meanwhile',
    'console/page/slow/recording-page.long',
  ],
  [
    'Kotlin/kotlinx.coroutines#3587',
    'thousands of identical stacks, one by one',
    'ten thousand clients that wait alike are one line',
    'console/groups-view',
  ],
  [
    'dotnet/diagnostics#530',
    'the same, without how many and how long',
    'identical waits of clients are one line, in the words of the paper',
    'introspect/groups',
  ],
  [
    'Kotlin/kotlinx.coroutines#1535',
    'the dump of 52,000 coroutines runs out of memory',
    '100,000 tasks: the snapshot stays bounded, and the groups of all of them are one line',
    'introspect/snapshot',
  ],
  [
    'python/cpython#135371',
    'the graph of awaits leaves out the functions between two tasks',
    'the functions between a wait and its task are known, also those that had waited before',
    'inspect/reported-faults',
  ],
  [
    'felixmosh/bull-board#1292',
    'overloaded and dead workers look the same',
    'an overloaded executor and one whose workers are gone are told apart',
    'introspect/words',
  ],
  [
    'getsentry/sentry-electron#1251',
    'the watchdog waits for the thread that it watches',
    'names task and function of a block while it lasts',
    'inspect/worker/watchdog',
  ],
  [
    'getsentry/sentry-javascript#16919',
    'nothing can say that a block is meant',
    'shows what allowBlocking() covers as allowed',
    'inspect/worker/watchdog',
  ],
  [
    'temporalio/ui#3161',
    'one long wait squeezes all bursts on the axis of time',
    'one long wait leaves the bursts around it as long as they were',
    'console/page/slow/timeline',
  ],
  [
    'zhongwencool/observer_cli#62',
    'the observer overloads what it observes',
    'maitre top takes at most 3 % of the time of a process, and shows what it takes',
    'cli/top',
  ],
];

for (const [report, fault, name, file] of faults) {
  test(`${report} (${fault}) has its test`, () => {
    const text = readText(`test/${file}.test.ts`);
    // A name may go on, with a parameter for instance, but it begins a test.
    assert.ok(
      ['(', '  '].some((before) => ["'", '`'].some((quote) => text.includes(`${before}${quote}${name}`))),
      `test/${file}.test.ts has no test "${name}"`,
    );
  });
}

test('each wait has its place, or says that it is unknown', async () => {
  const door = new Event({ name: 'door' });
  const begin = (name: string): Task<void> =>
    createTask(
      async () => {
        await sleep(1); // from here on, nothing but a recorded place says where it waits
        await door.wait();
      },
      { name },
    );
  const unseen = begin('unseen');
  await sleep(20);
  const words = (): readonly string[] => groupsOf(takeSnapshot()).map(({ what }) => what);
  assert.deepEqual(
    words().filter((what) => what.includes('door')),
    ['wait in event.wait for event "door", place unknown'],
  );
  unseen.cancel();
  await unseen.catch(() => undefined);
  sampleSites(1);
  const seen = begin('seen');
  await sleep(20);
  sampleSites(0);
  assert.match(
    words().find((what) => what.includes('door')) ?? '',
    /for event "door" at reported-faults\.test\.[jt]s:\d+$/,
  );
  seen.cancel();
  await seen.catch(() => undefined);
});

test('the functions between a wait and its task are known, also those that had waited before', async () => {
  const door = new Event({ name: 'door' });
  async function takeOrder(): Promise<void> {
    await sleep(1);
    await askAgain();
  }
  async function askAgain(): Promise<void> {
    await sleep(1);
    await door.wait();
  }
  async function serveTable(): Promise<void> {
    await takeOrder();
  }
  sampleSites(1);
  const task = createTask(serveTable, { name: 'guest' });
  await sleep(30);
  sampleSites(0);
  const { tasks, places } = takeSnapshot();
  const wait = tasks.find(({ name }) => name === 'guest')?.waits[0];
  const functions = [wait?.place, ...(wait?.outer ?? [])].map((place) => places[place ?? -1]?.function);
  assert.deepEqual(functions.slice(0, 3), ['askAgain', 'takeOrder', 'serveTable']);
  task.cancel();
  await task.catch(() => undefined);
});
