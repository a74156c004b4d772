// How code of another thread is reached while it is blocked: through the inspector of V8.
//
// A session of connectToMainThread() delivers its messages by an interrupt, so Runtime.evaluate runs
// inside the blocked code, on its stack; its NodeWorker domain passes messages on to the other
// threads in the same way. Nothing is paused, and no Debugger domain is enabled: it would slow every
// `await` for good. Rules that were hard to get right:
// - A session for each question, and disconnected after it. One that is open at process.exit()
//   prints `Waiting for the debugger to disconnect...`.
// - The inspector's thread holds a timer meanwhile: an answer alone does not keep its loop alive.
import type { Session } from 'node:inspector';
import { clearInterval, setInterval } from 'node:timers';

/** A way into the code of a thread. */
export interface Reach {
  /** `the main thread`: for sentences. */
  readonly name: string;
  /** Why it cannot be interrupted here; undefined if it can, or was not tried. */
  readonly obstacle: string | undefined;
  /**
   * Evaluates inside of whatever the thread does, however long it takes until that can be
   * interrupted. Undefined where it cannot be done.
   */
  evaluate(expression: string): Promise<string | undefined>;
}

type AskIn = (session: Session, expression: string) => Promise<string | undefined>;

class Interrupts implements Reach {
  readonly name: string;
  readonly #ask: AskIn;
  #obstacle: string | undefined;

  constructor(name: string, obstacle: string | undefined, ask: AskIn) {
    this.name = name;
    this.#obstacle = obstacle;
    this.#ask = ask;
  }

  get obstacle(): string | undefined {
    return this.#obstacle;
  }

  async evaluate(expression: string): Promise<string | undefined> {
    if (this.#obstacle !== undefined) return undefined;
    let session: Session | undefined;
    const keep = setInterval(() => undefined, 1000);
    try {
      const inspector = await import('node:inspector');
      session = new inspector.Session();
      session.connectToMainThread();
      return await this.#ask(session, expression);
    } catch (error) {
      // Tried, not known by name: Bun and Deno have the module and not the method.
      this.#obstacle = obstacleOf(error as Error); // whoever throws here throws errors
      return undefined;
    } finally {
      clearInterval(keep);
      session?.disconnect();
    }
  }
}

/** The way into the main thread. @param obstacle why it is not even tried; undefined if it may be */
export function reachMain(obstacle: string | undefined): Reach {
  return new Interrupts('the main thread', obstacle, askMain);
}

/** The way into a thread that the main thread has started, by its number. */
export function reachThread(thread: number, obstacle: string | undefined): Reach {
  return new Interrupts('the worker', obstacle, (session, expression) => askThread(session, thread, expression));
}

/** Bun's and Deno's messages name parts of the inspector, and say no more than that it cannot be done. */
function obstacleOf({ message }: Error): string {
  const { bun, deno } = process.versions;
  const runtime = bun !== undefined ? 'Bun' : deno !== undefined ? 'Deno' : undefined;
  const cannot = 'does not let a thread look into another';
  return runtime === undefined ? `Node.js ${cannot}: ${message}` : `${runtime} ${cannot}`;
}

function askMain(session: Session, expression: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    session.post('Runtime.evaluate', { expression, returnByValue: true, silent: true }, (error, reply) => {
      if (error !== null) reject(error);
      else resolve((reply.result as { value?: string }).value); // a string, or undefined once the function is gone
    });
  });
}

function askThread(session: Session, thread: number, expression: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let asked: string | undefined;
    session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
      if (threadOf(workerInfo.title) !== thread) return;
      asked = sessionId;
      const question = { id: 1, method: 'Runtime.evaluate', params: { expression, returnByValue: true, silent: true } };
      session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify(question) });
    });
    session.on('NodeWorker.receivedMessageFromWorker', ({ params: { sessionId, message } }) => {
      if (sessionId !== asked) return;
      const { result } = JSON.parse(message) as { result?: { result?: { value?: string } } }; // what V8 answers
      resolve(result?.result?.value);
    });
    session.on('NodeWorker.detachedFromWorker', ({ params: { sessionId } }) => {
      if (sessionId === asked) resolve(undefined); // it has ended
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, (error) => {
      if (error !== null) reject(error);
      else if (asked === undefined) resolve(undefined); // it is not there any more
    });
  });
}

/** The number of the thread in the title of a worker: `[worker 3] name`. */
function threadOf(title: string): number {
  return Number(/^\[worker (\d+)\]/.exec(title)?.[1] ?? NaN);
}
