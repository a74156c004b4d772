// node scripts/scale.mjs: runs the models of bench/scale with ten million clients, and writes the tables and
// charts of docs/guides/scale.md; `npm run format` aligns them. Six minutes and 2 GiB.
//   --size 0.01      a hundredth of it, in seconds, printed only
//   capacity --clients N --messages N --fan-out N ...   servers, cores and memory for other numbers
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { capacity } from '../bench/scale/capacity.mjs';
import { drawLines } from '../bench/scale/lines.mjs';
import { herds, shards, storms } from '../bench/scale/scenarios.mjs';
import { root } from './setup.mjs';

const names = ['clients', 'messages', 'fan-out', 'stay', 'greeting', 'state', 'cores', 'busy', 'outage', 'back'];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(['size', ...names].map((name) => [name, { type: 'string' }])),
});

const number = (value, digits = 3) =>
  Number.isFinite(value) ? (+value.toPrecision(digits)).toLocaleString('en-US') : 'never';
const percent = (value) => `${number(100 * value, 2)} %`;

function table(head, rows) {
  const lines = [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

if (positionals[0] === 'capacity') {
  const chosen = Object.fromEntries(
    names
      .filter((name) => values[name] !== undefined)
      .map((name) => [name === 'fan-out' ? 'fanOut' : name, Number(values[name])]),
  );
  console.log(capacityTable(chosen));
} else {
  const size = Number(values.size ?? 1);
  const texts = {
    storm: stormTable(size),
    shard: shardTable(size),
    herd: herdTable(size),
    capacity: capacityTable({}),
  };
  for (const [name, { text }] of Object.entries({ ...texts, capacity: { text: texts.capacity } }))
    console.log(`\n${name}\n\n${text}`);
  if (size === 1) write(texts);
}

function stormTable(size) {
  const rows = storms(size);
  const text = table(
    ['', 's until 99.9 % are back', 'most attempts a second at a server', 'attempts per client', 'wasted work'],
    rows.map(({ name, seconds, peak, perClient, wasted }) => [
      name,
      Number.isFinite(seconds) ? number(seconds) : 'not in 120',
      number(peak),
      number(perClient),
      percent(wasted),
    ]),
  );
  const shown = [0, 2, 3, 6, 7];
  const lines = shown.map((i) => ({
    label: rows[i].name,
    points: rows[i].curve.map(([at, share]) => [at, 100 * share]),
  }));
  return {
    text,
    chart: drawLines('Clients that are back', { x: 'seconds after the deploy', y: '%', most: 100 }, lines),
  };
}

function shardTable(size) {
  const text = table(
    ['1 % of the servers', 'balancer', 'p50, ms', 'p99', 'p99.9', 'failed', 'requests that they get'],
    shards(size).map(({ kind, name, p50, p99, p999, failed, onSlow }) => [
      kind,
      name,
      number(p50, 2),
      number(p99, 2),
      number(p999, 2),
      percent(failed),
      percent(onSlow),
    ]),
  );
  return { text };
}

function herdTable(size) {
  const rows = herds(size);
  const text = table(
    ['who asks the origin', 'questions', 'longest queue', 's until all servers have it', 'longest wait of a reader, s'],
    rows.map(({ name, questions, most, seconds, longest }) => [
      name,
      number(questions),
      number(most),
      number(seconds, 2),
      number(longest, 2),
    ]),
  );
  const lines = [0, 1].map((i) => ({
    label: rows[i].name,
    points: rows[i].curve.filter(([at]) => at >= 0 && at <= 60),
  }));
  const chart = drawLines(
    'Questions in the queue of the origin',
    { x: 'seconds after the key expired', y: '', scale: 'log' },
    lines,
  );
  return { text, chart };
}

function capacityTable(options) {
  const { talk, come, recover, servers, perServer, memory, memoryPerServer } = capacity(options);
  return table(
    ['what', 'how much'],
    [
      ['cores for messages', number(talk)],
      ['cores for clients that come, every day', number(come)],
      ['cores for clients that come back after an outage', number(recover)],
      ['servers', number(servers)],
      ['clients of a server', number(perServer)],
      ['memory for all clients, GiB', number(memory)],
      ['memory for the clients of a server, GiB', number(memoryPerServer)],
    ],
  );
}

function write({ storm, shard, herd, capacity: capacityText }) {
  const guide = join(root, 'docs/guides/scale.md');
  let text = readFileSync(guide, 'utf8');
  for (const [name, block] of Object.entries({
    storm: storm.text,
    shard: shard.text,
    herd: herd.text,
    capacity: capacityText,
  })) {
    const pattern = new RegExp(`(<!-- scale:${name} -->\n)[^]*?(<!-- /scale:${name} -->)`);
    if (!pattern.test(text)) throw new Error(`docs/guides/scale.md has no block scale:${name}`);
    text = text.replace(pattern, (_, before, after) => `${before}\n${block}\n\n${after}`);
  }
  writeFileSync(guide, text);
  writeFileSync(join(root, 'docs/guides/scale-storm.svg'), storm.chart);
  writeFileSync(join(root, 'docs/guides/scale-herd.svg'), herd.chart);
}
