// Hints: calls of the system when something may have changed in a folder.
//
// A hint is a reason to look and nothing more. What the system says along with it is wrong too
// often to be believed: names are missing or those of another file, two changes come as one or one
// as three, and what a new folder already has is not mentioned. So nothing here reads the kind of
// event, and the name only says which hints in a folder full of strangers matter.
//
// The system and the runtime keep a bounded number of notifications, of all watches together, and
// drop what comes after those without a word. So after every FLOOD hints, whenever they came, every
// watch of this thread looks at everything. FLOOD is less than what is kept: when something was
// dropped, at least FLOOD hints are still to come.
import { type FSWatcher, watch } from 'node:fs';
import { disposable } from '../base/index.ts';

/**
 * True where each notification of the system costs one of few (128 per user), and a watch of a
 * folder includes those inside it: Deno.
 */
export const WATCHES_BRANCHES: boolean = 'Deno' in globalThis;

/**
 * Half of what Linux keeps by default (`fs.inotify.max_queued_events`), and half of what was seen to
 * arrive on Deno.
 */
const FLOOD = WATCHES_BRANCHES ? 1000 : 8192;

/** The watches of this thread, to call after every FLOOD hints. */
const watches = new Set<() => void>();
let hints = 0;

/** Calls `fn` whenever hints may have been lost, until the result is disposed. */
export function onFlood(fn: () => void): Disposable {
  watches.add(fn);
  return disposable(() => void watches.delete(fn));
}

/** How a folder is watched. */
export interface HintOptions {
  /** Include the folders inside it. */
  readonly branches: boolean;
  /** Only what happens to this name matters; undefined for everything. */
  readonly only: string | undefined;
  /** Called for each hint. */
  readonly onHint: () => void;
  /** Called when no further hint will come: the folder may be gone. */
  readonly onLost: () => void;
  /** Called when the system allows no more watches and says so late, as on Deno. */
  readonly onRefused: (error: Error) => void;
}

/**
 * Requests hints for a folder, or for a file. Returns undefined if it is not there any more.
 * @throws the error of the system; its message says what to do if there are too many watches
 */
export function requestHints(path: string, options: HintOptions): Disposable | undefined {
  const { branches, only, onHint, onLost, onRefused } = options;
  let watcher: FSWatcher;
  try {
    watcher = watch(path, { persistent: false, recursive: branches }, (_, name) => {
      count();
      if (only === undefined || typeof name !== 'string' || name === only) onHint();
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw explained(path, error as NodeJS.ErrnoException);
  }
  watcher.on('error', (error: NodeJS.ErrnoException) => {
    const better = explained(path, error);
    if (better === error) onLost(); // Windows, when the folder is removed
    else onRefused(better);
  });
  return disposable(() => watcher.close());
}

function count(): void {
  if (++hints % FLOOD === 0) for (const fn of watches) fn();
}

/** Says what to do about the two limits of the system. Returns any other error as it is. */
function explained(path: string, error: NodeJS.ErrnoException): Error {
  const code = error.code ?? (error.message.includes('watch limit') ? 'ENOSPC' : ''); // Deno's has no code
  if (code !== 'ENOSPC' && code !== 'EMFILE') return error;
  const limit = code === 'ENOSPC' ? 'fs.inotify.max_user_watches' : 'fs.inotify.max_user_instances';
  const message = `Cannot watch ${path}: the system allows no more watches (${code})`;
  const advice = `raise ${limit}, leave folders out with { ignore }, or look regularly with { poll: 1000 }`;
  return Object.assign(new Error(`${message}; ${advice}`, { cause: error }), { code, path, syscall: 'watch' });
}
