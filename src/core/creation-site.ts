// Where a task was created, at almost no cost. A place that was not captured for that very task is
// marked as a guess.
//
// Capturing a stack costs 2 to 5 us, more than the rest of a task. But a program creates its tasks
// at few places, and the source text of the function (0.1 us) almost always identifies the place.
// So the place is captured for the first tasks of each text, and remembered. After that, one
// creation in SAMPLE is still captured. A text that was seen at a second place is never guessed
// again. While tracing is on, nothing is guessed. Reports say "probably" for a guess.
import { captureSite, formatFrames, type Site, tracing } from './tracing.ts';

/** How many creations of a text are captured before it is trusted. */
const TRUST_AFTER = 8;
/** After that, one creation in this many is captured. */
const SAMPLE = 64;
/**
 * How many texts are remembered. A program that makes functions from ever new texts starts over.
 */
const MOST = 2000;

/**
 * One source text of a function, and where tasks of it were created. It stands for the place of
 * guessed tasks.
 */
class KnownText implements Site {
  readonly site: Site;
  seen = 1;
  /** True if tasks of it were created at more than one place. */
  ambiguous = false;

  constructor(site: Site) {
    this.site = site;
  }

  get stack(): string {
    return this.site.stack ?? '';
  }
}

const known = new Map<string, KnownText>();

/** Returns the place that called `below` to create a task of `fn`. */
export function creationSite(fn: (...args: never[]) => unknown, below: (...args: never[]) => unknown): Site {
  if (tracing) return captureSite(below);
  const text = Function.prototype.toString.call(fn);
  const entry = known.get(text);
  if (entry === undefined) {
    if (known.size >= MOST) known.clear();
    const site = captureSite(below);
    known.set(text, new KnownText(site));
    return site;
  }
  entry.seen++;
  if (!entry.ambiguous && entry.seen > TRUST_AFTER && entry.seen % SAMPLE !== 0) return entry;
  const site = captureSite(below);
  if (!entry.ambiguous) entry.ambiguous = formatFrames(site)[0] !== formatFrames(entry.site)[0];
  return site;
}

/** True if the place was not captured for that very task. */
export function isGuessed(site: Site | undefined): boolean {
  return site instanceof KnownText;
}
