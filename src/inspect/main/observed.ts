// A thread that is looked into: everything on its side. It answers the questions of the inspector's
// thread, beats, counts, and puts snapshots aside. What it says goes through `post`, to a worker of
// its own (inspector.ts) or, for a room, through a port to the inspector of the main thread.
import { clearInterval, setInterval } from 'node:timers';
import { disposable } from '../../base/index.ts';
import { host } from '../../core/index.ts';
import { countSteps, History } from '../../introspect/index.ts';
import { type FromWorker, type LoopData, Pulse, type Settings, type ToWorker } from '../crossing.ts';
import { noteAllowedIn } from './allow-blocking.ts';
import { answer, type Sources } from './answer.ts';
import { startHeartbeat } from './heartbeat.ts';
import { Looking } from './looking.ts';
import { LoopMeter, processRow } from './process-row.ts';
import { Recording } from './recording.ts';
import { tellErrors } from './tell-errors.ts';

/** Where the inspector's thread finds the function, in a blocked thread. */
const SYMBOL = Symbol.for('maitre.inspect');
const registry = globalThis as { [SYMBOL]?: (question: string) => string };

/** How often a snapshot is put aside for a time without answers, in milliseconds. */
const KEEP_EVERY = 1000;
/** The rows of that snapshot. */
const KEEP_ROWS = 500;
/** Of its time, the thread spends at most one part in this many on it. */
const KEEP_SHARE = 100;

type Post = (message: ToWorker, transfer: ArrayBuffer[]) => void;

/** From `begin` until it is disposed, the function at Symbol.for('maitre.inspect') is there. */
export class Observed implements Disposable {
  /** What the inspector's thread has to know before it asks. */
  readonly data: LoopData;
  readonly #undo: Disposable[] = [];
  readonly #pulse = new Pulse();
  #ask: (text: string) => string = () => '';
  #looking: Looking | undefined;
  #post: Post = () => undefined;

  constructor() {
    this.data = {
      pulse: this.#pulse.buffer,
      clockOffset: host.now() - Number(process.hrtime.bigint()) / 1e6,
      process: processRow(),
      // Node does not refuse a thread: the process aborts.
      obstacle: mayInspect() ? undefined : 'the permission model of Node forbids it without --allow-inspector',
    };
  }

  /** Begins to beat and to answer. */
  begin(record: Settings['record'], post: Post): void {
    this.#post = post;
    const pulse = this.#pulse;
    const meter = new LoopMeter();
    const history = new History();
    const recording = new Recording(record, (ring) => post({ type: 'recorder', ring }, []));
    const sources: Sources = { pulse, loop: () => meter.row(), history, recording };
    this.#ask = (text) => answer(text, sources);
    registry[SYMBOL] = function interrupt(text) {
      return answer(text, sources, interrupt);
    };
    noteAllowedIn(pulse);
    this.#undo.push(
      startHeartbeat(pulse, (now, late) => meter.beat(now, late)),
      countSteps(),
      history,
      recording,
      this.#keepSnapshots(),
      disposable(() => {
        delete registry[SYMBOL];
        noteAllowedIn(undefined);
      }),
    );
    const looking = new Looking(
      post,
      () => meter.row(),
      () => history.count,
    );
    this.#looking = looking;
    this.#undo.push(looking);
    recording.begin();
    if (record !== null) this.#undo.push(tellErrors((what) => post({ type: 'error', what }, [])));
  }

  /** Takes a message of the inspector's thread. Returns false if it is for others. */
  take(message: FromWorker): boolean {
    if (message.type === 'question') this.#post({ type: 'answer', id: message.id, text: this.#ask(message.text) }, []);
    else if (message.type === 'sample') this.#looking?.sample(message.fresh);
    else if (message.type === 'look-away') this.#looking?.lookAway();
    else return false;
    return true;
  }

  [Symbol.dispose](): void {
    for (const each of this.#undo.splice(0).toReversed()) each[Symbol.dispose]();
  }

  #keepSnapshots(): Disposable {
    const question = JSON.stringify({ ask: 'snapshot', params: { rows: KEEP_ROWS } });
    let nextAt = 0;
    const keep = (): void => {
      const at = host.now();
      if (at < nextAt) return;
      this.#post({ type: 'kept', at, text: this.#ask(question) }, []);
      nextAt = at + KEEP_SHARE * (host.now() - at);
    };
    keep();
    const timer = setInterval(keep, KEEP_EVERY);
    timer.unref();
    return disposable(() => clearInterval(timer));
  }
}

/** Whether the permission model of Node, if it is on, allows the inspector of V8. */
function mayInspect(): boolean {
  return (process.permission as typeof process.permission | undefined)?.has('inspector') !== false; // undefined if it is off
}
