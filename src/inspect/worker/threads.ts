// The other threads of the process: which of them run code without a pause. They are reached through
// the main thread, also while that is blocked, by the NodeWorker domain of V8's inspector (Node only).
// Each look interrupts all threads, so it is made only when somebody asks, and not twice in a second.
//
// A thread counts as blocked if it was inside code of the program at two looks in a row.
import { Session } from 'node:inspector';
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers';
import { sleep } from '../../core/index.ts';
import { type BlockRow, framesOf, guiltyFrame, placeOfFrame } from '../../introspect/index.ts';

/** How long the threads have to answer, in milliseconds. One in native code answers later. */
const PATIENCE = 100;
/** The time between the two looks. */
const BETWEEN = 50;
/** For so long after the last look, a thread that is still blocked has been so all the time. */
const MEMORY = 2000;
/** Looks are shared for so long. */
const SHARED = 1000;
/** The name of our own thread, which does not block. */
export const OWN_NAME = 'maitre inspector';

const EXPRESSION = `(() => {
  const at = {}, limit = Error.stackTraceLimit;
  try { Error.stackTraceLimit = 30; Error.captureStackTrace(at); return String(at.stack); }
  catch { return ''; } finally { try { Error.stackTraceLimit = limit; } catch {} }
})()`;

/** The stacks of the threads that run code, by the number of the thread. */
type Stacks = ReadonlyMap<number, readonly string[]>;

export class Threads {
  readonly #now: () => number;
  /** Since when the threads are blocked that were so at the last look. */
  #since = new Map<number, number>();
  readonly #rooms: () => ReadonlySet<number>;
  #rows: Promise<readonly BlockRow[]> | undefined;
  #lookedAt = -Infinity;

  /** @param rooms the threads that are looked at by themselves */
  constructor(now: () => number, rooms: () => ReadonlySet<number> = () => new Set()) {
    this.#now = now;
    this.#rooms = rooms;
  }

  /** Returns a row for each thread that is blocked. None where threads cannot be reached. */
  blocks(): Promise<readonly BlockRow[]> {
    if (this.#rows === undefined || this.#now() - this.#lookedAt > SHARED) this.#rows = this.#look();
    return this.#rows;
  }

  async #look(): Promise<readonly BlockRow[]> {
    const start = this.#now();
    const known = start - this.#lookedAt > MEMORY ? new Map<number, number>() : this.#since;
    this.#lookedAt = start;
    const first = await stacksOfThreads();
    if (first.size > 0) await sleep(BETWEEN);
    const second = first.size > 0 ? await stacksOfThreads() : first;
    const since = new Map<number, number>();
    const rows: BlockRow[] = [];
    for (const [thread, stack] of second) {
      const frame = guiltyFrame(stack) ?? guiltyFrame(first.get(thread) ?? []);
      if (!first.has(thread) || frame === undefined || this.#rooms().has(thread)) continue;
      const begin = known.get(thread) ?? start;
      since.set(thread, begin);
      rows.push(rowOf(thread, begin, this.#now(), { stack, frame }));
    }
    this.#since = since;
    return rows;
  }
}

function rowOf(
  thread: number,
  since: number,
  now: number,
  { stack, frame }: { readonly stack: readonly string[]; readonly frame: string },
): BlockRow {
  return {
    id: -thread, // those of the main thread count from 1
    since,
    ms: now - since,
    over: false,
    thread,
    task: null,
    name: null,
    peer: null,
    place: placeOfFrame(frame) ?? null,
    stack,
    waiting: null,
  };
}

/** Looks at all threads. Empty where that cannot be done. */
async function stacksOfThreads(): Promise<Stacks> {
  const stacks = new Map<number, readonly string[]>();
  const keep = setInterval(() => undefined, 1000); // an answer alone does not keep this loop alive
  let session: Session | undefined;
  try {
    session = new Session();
    session.connectToMainThread();
    await collect(session, stacks);
    session.post('NodeWorker.disable');
  } catch {
    // not Node, or not allowed
  } finally {
    clearInterval(keep);
    session?.disconnect();
  }
  return stacks;
}

/** Fills in the stacks as the threads answer; resolves when all have, or time is over. */
function collect(session: Session, stacks: Map<number, readonly string[]>): Promise<void> {
  return new Promise((resolve, reject) => {
    const threads = new Map<string, number>();
    let isComplete = false;
    const timer = setTimeout(resolve, PATIENCE);
    const check = (): void => {
      if (!isComplete || threads.size > 0) return;
      clearTimeout(timer);
      resolve();
    };
    session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
      const [, number = '', name] = /^\[worker (\d+)\] ?(.*)$/s.exec(workerInfo.title) ?? [];
      if (number === '' || name === OWN_NAME) return;
      threads.set(sessionId, Number(number));
      const question = { id: 1, method: 'Runtime.evaluate', params: { expression: EXPRESSION, returnByValue: true } };
      session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify(question) });
    });
    session.on('NodeWorker.receivedMessageFromWorker', ({ params: { sessionId, message } }) => {
      const thread = threads.get(sessionId);
      if (thread === undefined) return;
      threads.delete(sessionId);
      const stack = framesIn(message);
      if (stack.length > 0) stacks.set(thread, stack);
      check();
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, (error) => {
      isComplete = true;
      if (error !== null) {
        clearTimeout(timer);
        reject(error);
      } else check();
    });
  });
}

/** The frames in an answer, without those of the question. */
function framesIn(message: string): string[] {
  const { result } = JSON.parse(message) as { result?: { result?: { value?: unknown } } }; // what V8 answers
  const value = result?.result?.value;
  if (typeof value !== 'string') return [];
  const frames = framesOf(value);
  const own = frames.findIndex((frame) => !frame.startsWith('<anonymous>:'));
  return own < 0 ? [] : frames.slice(own);
}
