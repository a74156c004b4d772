import assert from 'node:assert/strict';
import { type LoopMetrics, metricsText, type MetricsSources } from '#src/inspect/worker/metrics/metrics-text.js';
import { test } from '../../../support/test.js';

const server = {
  label: 'server "soup\\1"\n',
  accepted: 9,
  refused: { 'too-many': 2, 'handshake-failed': 0 },
  open: 3,
  parked: 1,
  inLine: 0,
  handling: 3,
  bytesRead: 1000,
  bytesWritten: 2000,
};

const figures = {
  now: 1000,
  busy: 0.5,
  lag: { p50: 0.5, p99: 12 },
  reads: null,
  visits: null,
  bytesIn: 1000,
  bytesOut: 2000,
  tasks: 4,
  connections: 3,
  ended: 0,
  servers: [server],
  executors: [{ label: 'executor', workers: 2, queued: 5, running: 2, finished: 70, failed: 1, cancelled: 0, lost: 0 }],
};
const loop: LoopMetrics = { rss: 5_000_000, figures, block: undefined, blocks: { count: 2, ms: 700 } };

const sources: MetricsSources = {
  process: { pid: 1, runtime: 'Node.js 24', file: '', epoch: 1_700_000_000_000, uptime: 1, rss: 1, heapUsed: 1 },
  version: '0.1.0',
  now: 1500,
  loop,
};

/** Parses the text as a scraper does; fails on what it would not take. */
function parse(text: string): Map<string, number> {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  assert.ok(text.endsWith('\n'));
  for (const line of text.trimEnd().split('\n')) {
    const [, keyword, subject = '', rest = ''] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? [];
    if (keyword === 'TYPE') types.set(subject, rest);
    if (keyword !== undefined) continue;
    const sample = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (-?[\d.]+(?:e[+-]\d+)?)$/.exec(line);
    assert.ok(sample !== null, line);
    const [, name = '', labels = '', value] = sample;
    const type = types.get(name);
    assert.ok(type === 'gauge' || type === 'counter', `${name} has a type before its values`);
    assert.equal(type === 'counter', name.endsWith('_total'), name);
    assert.doesNotMatch(name, /_(ms|milliseconds|kb|megabytes|percent)\b/);
    const key = `${name}{${labels}}`;
    assert.ok(!values.has(key), `${key} is there once`);
    values.set(key, Number(value));
  }
  return values;
}

test('every line is one that a scraper takes, in base units', () => {
  const values = parse(metricsText(sources));
  const name = 'server="server \\"soup\\\\1\\"\\n"';
  assert.equal(values.get(`maitre_server_connections{${name}}`), 3);
  assert.equal(values.get(`maitre_server_refused_total{${name},reason="too-many"}`), 2);
  assert.equal(values.get('maitre_loop_lag_seconds{quantile="0.99"}'), 0.012);
  assert.equal(values.get('maitre_loop_blocked_seconds_total{}'), 0.7);
  assert.equal(values.get('maitre_figures_age_seconds{}'), 0.5);
  assert.equal(values.get('maitre_executor_jobs_total{executor="executor",outcome="finished"}'), 70);
});

test('what is not known has no line', () => {
  const values = parse(metricsText({ ...sources, loop: { ...loop, figures: { ...figures, busy: null, lag: null } } }));
  assert.ok(![...values.keys()].some((key) => /busy|lag/.test(key)));
  assert.equal(
    parse(metricsText({ ...sources, loop: { ...loop, figures: undefined } })).get('maitre_loop_blocks_total{}'),
    2,
  );
});

test('a block that lasts is said, and its time counts', () => {
  const block = { id: 3, since: 900, ms: 600, over: false, thread: 0, task: null, name: null } as never;
  const values = parse(metricsText({ ...sources, loop: { ...loop, block } }));
  assert.equal(values.get('maitre_loop_blocked{}'), 1);
  assert.equal(values.get('maitre_loop_blocked_seconds_total{}'), 1.3);
});

test('with workers each value is of one of them, by its place, and the supervisor is 0', () => {
  const rooms = [1, 2].map((place) => ({ ...loop, rss: null, place }));
  const values = parse(metricsText({ ...sources, rooms }));
  assert.deepEqual(
    ['0', '1', '2'].map((worker) => values.get(`maitre_tasks{worker="${worker}"}`)),
    [4, 4, 4],
  );
  assert.equal(values.get('maitre_loop_lag_seconds{worker="2",quantile="0.99"}'), 0.012);
  assert.equal(values.get('maitre_resident_memory_bytes{worker="1"}'), undefined, 'threads share a process');
  assert.ok(values.has('maitre_info{version="0.1.0",runtime="Node.js 24"}'));
});
