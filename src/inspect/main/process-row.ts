// The process, as viewers see it, and its loop over the last second.
import { performance } from 'node:perf_hooks';
import { host } from '../../core/index.ts';
import type { LoopRow, ProcessRow } from '../../introspect/index.ts';

const { versions } = process;
const runtime =
  versions['bun'] !== undefined
    ? `Bun ${versions['bun']}`
    : versions['deno'] !== undefined
      ? `Deno ${versions['deno']}`
      : `Node.js ${versions.node}`;

/** Returns the row of this process. */
export function processRow(): ProcessRow {
  const { rss, heapUsed } = process.memoryUsage();
  return {
    pid: process.pid,
    runtime,
    file: process.argv[1] ?? '',
    epoch: host.timeOrigin,
    uptime: process.uptime() * 1000,
    rss,
    heapUsed,
  };
}

/** How many beats are remembered: those of a second. */
const BEATS = 40;

/** Collects how late the loop was, beat by beat. */
export class LoopMeter {
  readonly #late: number[] = [];
  #next = 0;
  #usage = usageNow();
  #usageAt = 0;
  #busy: number | null = null;

  /** Counts a beat. */
  beat(now: number, late: number): void {
    this.#late[this.#next] = late;
    this.#next = (this.#next + 1) % BEATS;
    if (now - this.#usageAt < 1000) return;
    this.#usageAt = now;
    const usage = usageNow();
    if (usage !== undefined && this.#usage !== undefined)
      this.#busy = performance.eventLoopUtilization(usage, this.#usage).utilization;
    this.#usage = usage;
  }

  /** Returns the row of the last second. */
  row(): LoopRow {
    const late = this.#late.toSorted((a, b) => a - b);
    if (late.length === 0) return { busy: this.#busy, lag: null };
    const at = (share: number): number => late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? 0;
    return { busy: this.#busy, lag: { p50: at(0.5), p99: at(0.99) } };
  }
}

type Usage = ReturnType<typeof performance.eventLoopUtilization>;

/** Undefined where the runtime does not tell: Bun and Deno return zeros, or throw. */
function usageNow(): Usage | undefined {
  try {
    const usage = performance.eventLoopUtilization();
    return usage.active > 0 ? usage : undefined;
  } catch {
    return undefined;
  }
}
