// The tables of options in docs/reference against those in the sources: every option is documented, and nothing else is. The
// compiler holds the sources' tables to their interfaces (base/check.ts), and here those that core has no table for.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskGroupOptions, TaskOptions, WaitForManyOptions } from '#src/core/index.js';
import { RUN } from '#src/core/run.js';
import { BULL_EXECUTOR, DISTRIBUTED_JOB } from '#src/distributed/distributed-options.js';
import { REDIS_BROADCAST } from '#src/distributed/broadcast-options.js';
import { WORKER } from '#src/distributed/worker-options.js';
import { EXECUTOR, JOB } from '#src/executors/executor-options.js';
import { THREAD_EXECUTOR } from '#src/executors/node/thread-executor.js';
import { INSPECTOR } from '#src/inspect/main/start-inspector.js';
import { WORKER_EXECUTOR } from '#src/executors/web/worker-executor.js';
import { OPEN_WRITER } from '#src/files/file-writer.js';
import { DATABASE, TRANSACTION } from '#src/database/options.js';
import { WATCH } from '#src/files/watch.js';
import { EVENT_STREAM } from '#src/http/event-stream.js';
import { FETCH_RETRY } from '#src/http/fetch-retry.js';
import { FETCH } from '#src/http/http-client.js';
import { HTTP } from '#src/http/http-options.js';
import { WEB_SOCKET } from '#src/http/web-socket-options.js';
import { DATAGRAM, MULTICAST } from '#src/net/datagram-options.js';
import { CONNECT } from '#src/net/open-connection.js';
import { SERVER } from '#src/net/server-options.js';
import { POOL, POOL_RETRY } from '#src/pool/pool-options.js';
import { BROADCAST } from '#src/queues/broadcast.js';
import { SIMULATE } from '#src/simulation/simulate.js';
import { FRAMES } from '#src/streams/framing/frames.js';
import { JSON_LINES } from '#src/streams/framing/json-lines.js';
import { NETSTRINGS } from '#src/streams/framing/netstrings.js';
import { READER } from '#src/streams/reader-options.js';
import { SUBPROCESS } from '#src/subprocess/subprocess-options.js';
import { EXPLORE } from '#src/testing/explore.js';
import { EVERY } from '#src/time/every.js';
import { RETRY } from '#src/time/retry.js';
import { CREW } from '#src/workers/workers-options.js';
import { optionTables } from './markdown.js';
import { listFiles, readText } from './source-files.js';

// createTask, wait, gather and TaskGroup.run check value by value: they are called too often for a table. So does readTextLine. A Resource
// checks its name alone: a table would cost every bundle 100 bytes.
const TASK: Record<keyof TaskOptions, true> = { name: true, eager: true };
const TASK_GROUP: Record<keyof TaskGroupOptions, true> = { name: true, errors: true, signal: true };
const WAIT: Record<keyof WaitForManyOptions, true> = { timeout: true, returnWhen: true, signal: true };

/** What the tables of options under each heading must list together. */
const documented: Readonly<Record<string, object>> = {
  'databases.md#Options': DATABASE,
  'databases.md#Transactions': TRANSACTION,
  'distributed.md#BullExecutor': BULL_EXECUTOR,
  'distributed.md#Options of a call': without(JOB, DISTRIBUTED_JOB),
  'distributed.md#RedisBroadcast': REDIS_BROADCAST,
  'distributed.md#worker': WORKER,
  'executors.md#Job options': JOB,
  'executors.md#ThreadExecutor, ProcessExecutor': EXECUTOR,
  'http.md#Options': HTTP,
  'inspect.md#startInspector': INSPECTOR,
  'executors.md#With a bundler': without(EXECUTOR, THREAD_EXECUTOR),
  'fetch.md#fetch': FETCH,
  'fetch.md#Retries': FETCH_RETRY,
  'files.md#openWriter': OPEN_WRITER,
  'files.md#watch': WATCH,
  'framing.md#Frames': FRAMES,
  'framing.md#JSON Lines': JSON_LINES,
  'framing.md#Netstrings': NETSTRINGS,
  'groups-and-timeouts.md#TaskGroup.run': TASK_GROUP,
  'pool.md#Options': POOL,
  'pool.md#When create fails': POOL_RETRY,
  'queues.md#Broadcast': BROADCAST,
  'servers.md#Options': SERVER,
  'servers.md#openConnection': CONNECT,
  'streams.md#By hand': READER,
  'subprocess.md#Options': SUBPROCESS,
  'tasks.md#createTask': TASK,
  'tasks.md#run': RUN,
  'tasks.md#wait': WAIT,
  'testing.md#exploreCancellation': EXPLORE,
  'testing.md#simulate': SIMULATE,
  'time.md#every': EVERY,
  'time.md#retry': RETRY,
  'udp.md#Multicast and broadcast': MULTICAST,
  'udp.md#createDatagramEndpoint': DATAGRAM,
  'websocket.md#eventStream': EVENT_STREAM,
  'websocket.md#webSocket': WEB_SOCKET,
  'workers.md#serveWorkers': CREW,
};

/** The options of one table that the other does not have. */
function without(known: object, table: object): object {
  return Object.fromEntries(Object.entries(table).filter(([name]) => !(name in known)));
}

/** Pages on options of programs, which the tests of cli hold. */
const elsewhere = ['docs/reference/cli.md'];

const found = new Map<string, string[]>();
for (const file of listFiles('docs/reference', '.md')) {
  if (elsewhere.includes(file)) continue;
  for (const { heading, options } of optionTables(readText(file))) {
    const place = `${file.slice('docs/reference/'.length)}#${heading}`;
    found.set(place, [...(found.get(place) ?? []), ...options]);
  }
}

describe('tables of options', () => {
  for (const [place, table] of Object.entries(documented)) {
    test(`${place} lists every option once, and nothing else`, () => {
      assert.deepEqual([...(found.get(place) ?? [])].sort(), Object.keys(table).sort());
    });
  }

  test('none is held to nothing', () => {
    assert.deepEqual(
      [...found.keys()].filter((place) => !(place in documented)),
      [],
    );
  });
});

test('a WorkerExecutor takes the options of the others, as executors.md says, but maxMemory and context', () => {
  const { worker: _, ...rest } = WORKER_EXECUTOR;
  assert.deepEqual(Object.keys(without(rest, EXECUTOR)), ['maxMemory', 'context']);
  assert.deepEqual(without(EXECUTOR, WORKER_EXECUTOR), without(EXECUTOR, THREAD_EXECUTOR));
});

test('optionTables reads the names of each row, under the heading they stand under', () => {
  const text = [
    '# Page',
    '## `open(options)`',
    '| Option       | Meaning          |',
    '| ------------ | ---------------- |',
    '| `a`, `b`     | both, see `c`    |',
    '| `d?: number` | after a `\\|` bar |',
    '',
    '| Member | What |',
    '| ------ | ---- |',
    '| `e`    | none |',
    '',
    '| Option of `open` | What |',
    '| ---------------- | ---- |',
    '| `f`              | one  |',
  ];
  assert.deepEqual(optionTables(text.join('\n')), [
    { heading: 'open(options)', options: ['a', 'b', 'd'] },
    { heading: 'open(options)', options: ['f'] },
  ]);
});
