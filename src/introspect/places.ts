// From captured stacks to places: the lines of the program where its tasks wait and were created.
//
// Formatting a stack costs 5 to 20 us, and ten thousand waits stand at a handful of places. So a
// stack is recognised by the positions of its frames, which the engine hands over unformatted, and
// only the first stack of each kind is formatted. It is formatted by whatever formats stacks in
// this process, so that source maps count.
//
// - Frames of maitre itself, of Node and of the engine are left out. The first frame that remains is
//   the place, the next ones are the functions that await it.
// - In a blocked process this runs inside somebody's code. Then it calls no formatter but Node's own.
// - A wait that recorded no site takes the place at which all others of the same function and kind
//   were seen, as a guess. Once two places were seen, there is no guess any more.
import type { Place } from './records.ts';

/** What a stack says: where it is, and who awaits that. */
export interface Spot {
  readonly place: Place;
  /** The next frames of the program, at most three. */
  readonly outer: readonly Place[];
}

/** Of V8's CallSite, what is used here. */
interface CallSite {
  getFileName(): string | null | undefined;
  getPosition?(): number;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
}

type Prepare = (error: unknown, frames: CallSite[]) => unknown;

/** How many frames of the program a spot has. */
const FRAMES = 4;
/** How many kinds of stacks are remembered. A program that makes ever new ones starts over. */
const MOST = 5000;

/** Null: a stack without a frame of the program. */
const spots = new Map<string, Spot | null>();
const spotsBySite = new WeakMap<object, Spot | null>();
const places = new Map<string, Place>();

/** The folder of this package as scripts are named there; undefined if it was bundled. */
const own = /^(.*)introspect\/places\.[jt]s$/.exec(import.meta.url)?.[1];
const ownPath = own?.replace(/^file:\/\//, '');
/** Where the sources of that folder are, for stacks that were mapped before anybody came here. */
const ownSources = ownPath?.replace(/dist\/$/, 'src/');

/** Deno shows the sources of all files. */
const OWN: readonly string[] = [own, ownPath, ownSources, own?.replace(/dist\/$/, 'src/')].filter(
  (folder) => folder !== undefined,
);

/** Whether a file is the program's own: not of maitre, of the runtime, or of the engine. */
function isOfProgram(file: string | null | undefined): file is string {
  if (file === null || file === undefined || file === '' || file === 'native') return false;
  // For Bun, a constructor that nobody wrote is in the file `unknown` or `[source:2]`.
  if (/^(?:node:|ext:|<|unknown$|\[)/.test(file)) return false;
  if (OWN.some((folder) => file.startsWith(folder))) return false;
  return !/[/\\]maitre[/\\]dist[/\\]/.test(file);
}

/**
 * Returns the place of a captured stack; undefined if it has none in the program. Reads `stack` once
 * for each stack.
 * @param interrupted true inside other code, which must not be called
 */
export function spotOf(site: { stack?: string } | undefined, interrupted: boolean): Spot | undefined {
  if (site === undefined) return undefined;
  const known = spotsBySite.get(site);
  if (known !== undefined) return known ?? undefined;
  const descriptor = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  const before = descriptor?.value as Prepare | undefined; // by the engine's contract
  const isPlain = descriptor === undefined ? Object.isExtensible(Error) : descriptor.writable === true;
  if (interrupted && !(isPlain && (before === undefined || before.name === 'ErrorPrepareStackTrace'))) return undefined;
  if (!isPlain) return remember(site, spotOfText(site.stack));
  let spot: Spot | null | undefined;
  const holder: { prepareStackTrace?: unknown } = Error;
  holder.prepareStackTrace = (_: unknown, frames: CallSite[]): string => {
    spot = spotOfFrames(frames, before);
    return textOf(spot);
  };
  try {
    const text = site.stack;
    return remember(site, spot === undefined ? spotOfText(text) : spot); // it was formatted before
  } finally {
    if (descriptor === undefined) delete holder.prepareStackTrace;
    else Object.defineProperty(Error, 'prepareStackTrace', descriptor);
  }
}

function remember(site: object, spot: Spot | null): Spot | undefined {
  spotsBySite.set(site, spot);
  return spot ?? undefined;
}

function spotOfFrames(frames: readonly CallSite[], before: Prepare | undefined): Spot | null {
  const ofProgram: CallSite[] = [];
  let key = '';
  for (const frame of frames) {
    const file = frame.getFileName();
    if (!isOfProgram(file)) continue;
    key += `${file}:${frame.getPosition?.() ?? `${frame.getLineNumber()}:${frame.getColumnNumber()}`}\n`;
    if (ofProgram.push(frame) === FRAMES) break;
  }
  return spotOfKey(key, () => ofProgram.map((frame) => formatted(frame, before)));
}

/** The spot of this key; the first time, it is made of the frames that `format` returns. */
function spotOfKey(key: string, format: () => readonly string[]): Spot | null {
  const known = spots.get(key);
  if (known !== undefined) return known;
  if (spots.size >= MOST) spots.clear();
  const spot = makeSpot(format());
  spots.set(key, spot);
  return spot;
}

/** One frame as this process formats it: `handler (file:///srv/chat.ts:14:3)`. */
function formatted(frame: CallSite, before: Prepare | undefined): string {
  try {
    const text = before?.(new Error('site'), [frame]);
    const line = typeof text === 'string' ? /^\s*at (.+)$/m.exec(text)?.[1] : undefined;
    if (line !== undefined) return line;
  } catch {
    // a formatter of the program that fails: the frame as it is
  }
  return String(frame);
}

/** Of a stack that was formatted already. Bun formats them all as it captures them. */
function spotOfText(text: unknown): Spot | null {
  if (typeof text !== 'string') return null;
  const lines = framesOf(text).filter(isFrameOfProgram).slice(0, FRAMES);
  return spotOfKey(lines.join('\n'), () => lines);
}

/** The stack that the site has from now on: the frames of the program. */
function textOf(spot: Spot | null): string {
  const frames = spot === null ? [] : [spot.place, ...spot.outer];
  return ['site', ...frames.map((place) => `    at ${frameOf(place)}`)].join('\n');
}

/** A place as a frame of a stack: `handler (file:///srv/chat.ts:14:3)`. */
export function frameOf({ file, line, column, function: name }: Place): string {
  const position = `${file}:${line}:${column}`;
  return name === undefined ? position : `${name} (${position})`;
}

function makeSpot(frames: readonly string[]): Spot | null {
  const [place, ...outer] = frames.map(placeOfFrame).filter((each) => each !== undefined);
  return place === undefined ? null : { place, outer };
}

/**
 * Returns the place of a formatted frame, without the leading `at`; undefined if it names no file.
 * Equal frames have the same object.
 */
export function placeOfFrame(frame: string): Place | undefined {
  const known = places.get(frame);
  if (known !== undefined) return known;
  const place = parse(frame);
  if (place === undefined) return undefined;
  if (places.size >= MOST) places.clear();
  places.set(frame, place);
  return place;
}

/** The frames of a formatted stack, innermost first. */
export function framesOf(stack: string): string[] {
  return stack.split('\n').flatMap((line) => /^\s*at (.+)$/.exec(line)?.[1] ?? []);
}

/** The frame that is guilty of a block: the innermost one of the program; undefined for none. */
export function guiltyFrame(stack: readonly string[]): string | undefined {
  return stack.find(isFrameOfProgram);
}

function isFrameOfProgram(frame: string): boolean {
  return isOfProgram(parse(frame)?.file);
}

function parse(frame: string): Place | undefined {
  const [, inner, position] = /^(?:async )?(?:([^(]*) \()?(.+?)\)?$/.exec(frame) ?? [];
  const [, file, line, column] = /^(.+?):(\d+):(\d+)$/.exec(position ?? '') ?? [];
  if (file === undefined) return undefined;
  const base = /([^/\\]*?)(?:[?#].*)?$/.exec(file)?.[1] ?? file;
  const place = { file, line: Number(line), column: Number(column), text: `${base}:${line}` };
  return inner === undefined || inner === '<anonymous>' ? place : { ...place, function: inner };
}

// ---- guesses ---------------------------------------------------------------------------------------------------

/** By function and kind of wait: the spot of all that were seen; null if they differ. */
const seen = new Map<object | string, Map<string, Spot | null>>();
/** How many functions are remembered. */
const MOST_FUNCTIONS = 2000;

/** Notes that a wait of this function and kind was seen there. */
export function learn(fn: object | string, kind: string, spot: Spot): void {
  let kinds = seen.get(fn);
  if (kinds === undefined) {
    if (seen.size >= MOST_FUNCTIONS) seen.clear();
    kinds = new Map();
    seen.set(fn, kinds);
  }
  const known = kinds.get(kind);
  if (known === undefined) kinds.set(kind, spot);
  else if (known !== null && known.place !== spot.place) kinds.set(kind, null);
}

/** Returns where all waits of this function and kind were seen; undefined without such a place. */
export function guess(fn: object | string, kind: string): Spot | undefined {
  return seen.get(fn)?.get(kind) ?? undefined;
}
