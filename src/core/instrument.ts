// Instruments: objects that watch core. There are none by default.
//
// - Each hook is one live binding. It is undefined while no instrument has the method, and
//   otherwise calls the method of all that do. Core tests the binding, so a hook that nothing
//   watches costs one comparison.
// - Hooks run inside core's own steps, so they must be quick. If one throws, its instrument is
//   removed and the error is reported. The others and the step itself go on.
// - Instruments are called in the order in which they were added. One that is added or removed
//   inside a hook counts from the next call.
import { disposable } from '../base/index.ts';
import { reportException } from './exception-handler.ts';
import type { ResourceRecord, StepRecord, TaskRecord, WaitOutcome, WaitRecord } from './records.ts';

/**
 * An object whose hooks maitre calls. Every method is optional, runs inside core's own steps, and
 * must be quick. An instrument that throws is removed. Prior art: trio's `Instrument`.
 */
export interface Instrument {
  /**
   * A task was created and has not run. `creator` is the task that created it; undefined outside of
   * tasks.
   */
  taskStarted?(task: TaskRecord, creator: TaskRecord | undefined): void;
  /** A task is done. */
  taskEnded?(task: TaskRecord): void;
  /** A wait has begun and stands in its place. */
  waitBegun?(wait: WaitRecord): void;
  /**
   * A wait was decided, by an answer or an error. Its task continues when the wait is delivered.
   */
  waitAnswered?(wait: WaitRecord): void;
  /**
   * True notes when waits are decided, for `answeredAt` of their records. An instrument with
   * `waitAnswered` needs no flag. Default: false.
   */
  readonly answerTimes?: boolean;
  /** A wait was delivered. Its task continues in a later microtask. */
  waitEnded?(wait: WaitRecord, outcome: WaitOutcome): void;
  /**
   * A step has ended: the code between two waits. While an instrument has this method, one delivery
   * in `stepEvery` is timed.
   */
  stepEnded?(step: StepRecord): void;
  /**
   * Of how many deliveries one is timed, an integer >= 1. Default: 1, all of them are, each alone.
   */
  readonly stepEvery?: number;
  /** A job has begun to run, in a worker of its executor. The first worker is 0. */
  jobStarted?(job: ResourceRecord, worker: number): void;
  /** A resource that has an end was opened. */
  opened?(resource: ResourceRecord): void;
  /** A resource that has an end has ended. */
  closed?(resource: ResourceRecord): void;
}

// The hooks. They are live bindings, and only bind() writes them.
export let taskStarted: Instrument['taskStarted'];
export let taskEnded: Instrument['taskEnded'];
export let waitBegun: Instrument['waitBegun'];
export let waitAnswered: Instrument['waitAnswered'];
export let waitEnded: Instrument['waitEnded'];
export let stepEnded: Instrument['stepEnded'];
export let jobStarted: Instrument['jobStarted'];
export let opened: Instrument['opened'];
export let closed: Instrument['closed'];
/** Whether it is noted when a wait is decided: an instrument has `waitAnswered` or the flag. */
export let answerTimes = false;
/**
 * Of how many deliveries one is timed, while an instrument has `stepEnded`. The smallest that any
 * of them has set.
 */
export let stepEvery = 1;

/**
 * Those that are installed, in order. Each is wrapped in an entry, because one instrument can be
 * added twice.
 */
let installed: readonly { readonly instrument: Instrument }[] = [];

/**
 * Adds an instrument until the result is disposed. Any number can be installed at the same time.
 * @param instrument an object with methods of `Instrument`
 * @throws TypeError for anything but an object
 *
 * @example
 * ```ts
 * import { createTask, sleep } from 'maitre';
 * import { addInstrument } from 'maitre/lowlevel';
 * using _ = addInstrument({ taskEnded: (task) => console.log(`${task.name} ended`) });
 * await createTask(() => sleep(1), { name: 'short' });
 * ```
 */
export function addInstrument(instrument: Instrument): Disposable {
  if (typeof instrument !== 'object' || instrument === null) {
    throw new TypeError('Cannot add instrument: expected an object with methods such as taskStarted');
  }
  const entry = { instrument };
  installed = [...installed, entry];
  bind();
  return disposable(() => remove(entry));
}

function remove(entry: { readonly instrument: Instrument }): void {
  installed = installed.filter((each) => each !== entry);
  bind();
}

function bind(): void {
  taskStarted = callerOf('taskStarted');
  taskEnded = callerOf('taskEnded');
  waitBegun = callerOf('waitBegun');
  waitAnswered = callerOf('waitAnswered');
  waitEnded = callerOf('waitEnded');
  stepEnded = callerOf('stepEnded');
  jobStarted = callerOf('jobStarted');
  opened = callerOf('opened');
  closed = callerOf('closed');
  answerTimes = waitAnswered !== undefined || installed.some(({ instrument }) => instrument.answerTimes === true);
  const wishes = installed.map(({ instrument }) =>
    instrument.stepEnded === undefined ? Infinity : (instrument.stepEvery ?? 1),
  );
  stepEvery = Math.max(1, Math.min(...wishes));
}

type Hook = Exclude<keyof Instrument, 'stepEvery' | 'answerTimes'>;

/** What a hook is called with. No hook has more than two parameters. */
type Call = (a: unknown, b: unknown) => void;

/**
 * Returns a function that calls the method of all instruments that have it; undefined if none has.
 * With one instrument, the common case, nothing is looped over, and no call allocates.
 */
function callerOf<H extends Hook>(hook: H): Instrument[H] {
  const calls = installed
    .filter(({ instrument }) => instrument[hook] !== undefined)
    .map((entry) => guarded(entry, hook));
  if (calls.length < 2) return calls[0] as Instrument[H]; // it takes what the hook takes
  const all: Call = (a, b) => {
    for (const call of calls) call(a, b);
  };
  return all as Instrument[H]; // as above
}

/** Returns a function that calls the method of one instrument, which is removed if it throws. */
function guarded(entry: (typeof installed)[number], hook: Hook): Call {
  const { instrument } = entry;
  const method = instrument[hook] as Call; // the caller has tested that it is there
  return (a, b) => {
    try {
      method.call(instrument, a, b);
    } catch (error) {
      remove(entry);
      reportException({ message: `An instrument was removed: its ${hook} failed`, error });
    }
  };
}
