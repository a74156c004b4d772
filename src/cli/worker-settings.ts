// Reads the options about workers: how many, what they are, and what replaces them.
import { quote } from '../base/index.ts';
import type { WorkersOptions } from '../workers/index.ts';
import { CommandError, type Values } from './command.ts';
import type { ServeOptions } from './serve-options.ts';

/** What the options say about workers. */
export type WorkerSettings = Pick<
  WorkersOptions,
  'workers' | 'isolate' | 'readyTimeout' | 'killTimeout' | 'maxLifetime' | 'maxMemory' | 'grace'
>;

/** The options that need workers. */
const ABOUT_WORKERS = ['isolate', 'ready-timeout', 'kill-timeout', 'max-lifetime', 'max-memory'] as const;

/**
 * Returns the settings, with one worker for `--reload` alone. Undefined if this process serves itself.
 * @param given the options that the user set
 * @throws CommandError for a value that makes no sense, and for an option about workers where are none
 */
export function workerSettings(
  values: Values<ServeOptions>,
  given: ReadonlySet<keyof ServeOptions>,
): WorkerSettings | undefined {
  if (!given.has('workers') && !given.has('reload')) {
    const alone = ABOUT_WORKERS.find((name) => given.has(name));
    if (alone === undefined) return undefined;
    throw new CommandError(`--${alone} is about workers: give --workers or --reload with it`, 2);
  }
  const { isolate, 'max-lifetime': lifetime, 'max-memory': memory } = values;
  return {
    workers: workerCount(values.workers ?? '1'),
    isolate: isolate === 'threads' || isolate === 'processes' ? isolate : undefined,
    readyTimeout: values['ready-timeout'],
    killTimeout: values['kill-timeout'],
    maxLifetime: lifetime === undefined ? undefined : toMilliseconds(lifetime),
    maxMemory: memory === undefined ? undefined : toBytes(memory),
    grace: values.grace,
  };
}

/** More is a slip of the finger. */
const MOST_WORKERS = 1024;

function workerCount(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (count >= 1 && count <= MOST_WORKERS) return count;
  throw new CommandError(`--workers must be a whole number from 1 to ${MOST_WORKERS}, or auto, got ${quote(text)}`, 2);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
/** The longest time of a timer. */
const MOST_MS = 2_147_483_647;

function toMilliseconds(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?(ms|s|m|min|h|d)$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * (UNITS[unit] ?? NaN));
  if (ms >= 1 && ms <= MOST_MS) return ms;
  throw new CommandError(`--max-lifetime must be a time up to 24d, such as 12h, 30m or 90s, got ${quote(text)}`, 2);
}

const POWERS = ['', 'K', 'M', 'G', 'T'];

/** As systemd and Docker read sizes: K, M, G are powers of 1024. */
function toBytes(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = number === '' ? NaN : Math.round(Number(number) * 1024 ** POWERS.indexOf(unit.toUpperCase()));
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new CommandError(`--max-memory must be a size in bytes, such as 512M or 2G, got ${quote(text)}`, 2);
}
