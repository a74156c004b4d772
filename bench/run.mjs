// Runs one benchmark: all its contenders in turn, round after round.

import { measure } from './measure.mjs';
import { findTool, installPeers } from './tools.mjs';

/**
 * `tools` limits the runtimes (not other languages). Returns rows with one measurement a round (undefined where it
 * failed), and what was left out, each with its reason. A contender that fails is not tried again.
 */
export async function runBenchmark(benchmark, { rounds, warm, window, tools }, onProgress = () => {}) {
  const skipped = new Set();
  const rows = [];
  for (const contender of benchmark.contenders) {
    const isRuntime = /^(node|bun|deno)/.test(contender.tool);
    if (isRuntime && tools !== undefined && !tools.includes(contender.tool)) continue;
    const tool = await findTool(contender.tool);
    const missing = tool.missing ?? (contender.fromNpm === true ? await installPeers() : undefined);
    if (missing === undefined) rows.push({ ...contender, label: tool.label, rounds: [] });
    else skipped.add(`${contender.name} (${missing})`);
  }
  const failed = new Set();
  let done = 0;
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) {
      onProgress(++done, rounds * rows.length);
      if (failed.has(row)) continue;
      try {
        const measured = await measure(benchmark, row, { warm: benchmark.warm ?? warm, window });
        if (measured.absent === undefined) {
          row.rounds[round] = measured;
          continue;
        }
        skipped.add(`${row.name} on ${row.label} (${measured.absent})`);
      } catch (error) {
        skipped.add(`${row.name} on ${row.label} (failed: ${error.message.split('\n').slice(0, 3).join(' ')})`);
      }
      failed.add(row);
    }
  }
  return { results: rows.filter((row) => row.rounds.length > 0 && !failed.has(row)), skipped: [...skipped] };
}
