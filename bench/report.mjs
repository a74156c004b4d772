// From measurements to words: medians, ratios, Markdown tables between markers in docs/performance.md, and charts.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { root, toolPath } from '../scripts/setup.mjs';
import { drawChart } from './chart.mjs';
import { pinned } from './measure.mjs';

const page = 'docs/performance.md';

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value below which that share of the values lies, 0 to 1; one of them. */
export function quantile(values, share) {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))];
}

/** Per-round ratios of maitre to a peer, in rounds where both were measured; their median, undefined without any. */
export function ratioTo(maitre, peer, key) {
  const ratios = maitre.rounds.flatMap((each, round) => {
    const other = peer.rounds[round];
    return each === undefined || other === undefined ? [] : [each[key] / other[key]];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

/** maitre's row to compare a peer with: on the same tool, else on Node 24, else its first. */
function maitreFor(results, tool) {
  const rows = results.filter((row) => row.name === 'maitre');
  return rows.find((row) => row.tool === tool) ?? rows.find((row) => row.tool === 'node24') ?? rows[0];
}

/** `results` are rows `{ name, tool, label, rounds: [{ metric: number }] }`. Returns the medians as text cells. */
export function tableOf({ metrics, compare }, results) {
  const head = ['', 'on', ...metrics.map(({ title }) => title), `${compare.what}, maitre / peer`];
  const rows = results.map((row) => {
    const maitre = maitreFor(results, row.tool);
    const ratio = row.name === 'maitre' || maitre === undefined ? undefined : ratioTo(maitre, row, compare.key);
    const cells = metrics.map(({ key, digits }) => format(medianOf(row, key), digits));
    const name = row.name === 'maitre' ? '**maitre**' : row.name;
    const note =
      ratio === undefined ? '' : `${format(ratio, 2)}${maitre.tool === row.tool ? '' : ` (${maitre.label})`}`;
    return [name, row.label, ...cells, note];
  });
  return [head, ...rows];
}

export function goalsOf({ goals = [], compare }, results) {
  return goals.flatMap(({ peer, on, key = compare.key, what = compare.what, atMost, atLeast }) =>
    on.flatMap((tool) => {
      const maitre = results.find((row) => row.name === 'maitre' && row.tool === tool);
      const peers = results.filter((row) => row.name === peer);
      const other = peers.find((row) => row.tool === tool) ?? peers[0];
      if (maitre === undefined || other === undefined) return [];
      const ratio = ratioTo(maitre, other, key);
      if (ratio === undefined) return [];
      const reached = atMost === undefined ? ratio >= atLeast : ratio <= atMost;
      const wanted = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
      return [[`${what}, ${maitre.label} / ${peer}`, format(ratio, 2), wanted, reached ? 'reached' : 'missed']];
    }),
  );
}

function medianOf(row, key) {
  return median(row.rounds.flatMap((round) => (round?.[key] === undefined ? [] : [round[key]])));
}

function format(number, digits) {
  return Number.isNaN(number) || number === undefined
    ? '-'
    : number.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Rows as columns of text, for a terminal. */
export function textTable(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const line = (row) => row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}

/** Writes one benchmark's section of docs/performance.md and its chart. */
export function writeReport(benchmark, results, { command, rounds, warm, window, skipped }) {
  const table = tableOf(benchmark, results);
  const goals = goalsOf(benchmark, results);
  const chart = `performance-${benchmark.name}.svg`;
  const measured = benchmark.metrics.find(({ key }) => key === benchmark.compare.key);
  const bars = results.map((row) => ({
    label: `${row.name} · ${row.label}`,
    value: medianOf(row, measured.key),
    text: format(medianOf(row, measured.key), measured.digits),
    ours: row.name === 'maitre',
  }));
  writeFileSync(join(root, 'docs', chart), drawChart(`${benchmark.title}: ${measured.title}`, bars));
  const cores = `${cpus().length} cores (${cpus()[0]?.model.trim()})`;
  const section = [
    `### ${benchmark.title}`,
    wrap(benchmark.text),
    markdown(table),
    ...(goals.length === 0 ? [] : [markdown([['goal', 'ratio', 'wanted', ''], ...goals])]),
    `![${benchmark.title}](${chart})`,
    wrap(
      `${new Date().toISOString().slice(0, 10)}, \`${command}\`: medians of ${rounds} interleaved rounds` +
        `${benchmark.load === undefined ? '' : `, ${warm} ms of warm-up and a window of ${window} ms each`}, ` +
        `Linux, ${cores}${pinned && benchmark.cores !== 'all' ? ', pinned' : ', not pinned'}.` +
        (skipped.length === 0 ? '' : ` Skipped: ${skipped.join('; ')}.`),
    ),
  ].join('\n\n');
  replaceSection(benchmark.name, section);
}

/** Breaks prose into lines of up to 100 columns; code spans stay whole. */
function wrap(text) {
  const words = text.match(/(?:`[^`]*`|[^\s`])+/g) ?? [];
  const lines = [''];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== '' && last.length + 1 + word.length > 100) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('\n');
}

function markdown([head, ...rows]) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = head.map((_, i) => (i < 2 && head[i] !== 'ratio' ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function replaceSection(name, section) {
  const path = join(root, page);
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const old = existsSync(path) ? readFileSync(path, 'utf8') : '# Performance\n';
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  const text =
    from < 0 || to < from
      ? `${old}\n${begin}\n\n${section}\n\n${end}\n`
      : `${old.slice(0, from)}${begin}\n\n${section}\n\n${old.slice(to)}`;
  writeFileSync(path, text);
  spawnSync(process.execPath, [toolPath('oxfmt'), page], { cwd: root });
}
