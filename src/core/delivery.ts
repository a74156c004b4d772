// Delivery: what was decided reaches its task. Deciding (answer, fail, cancel) and delivering are
// two steps. So a cancel can still overrule an answer, and everything that one event decides is
// decided before any code acts on it.
//
// States: IDLE --(a decision)--> SCHEDULED --(a microtask, the end of a hold, the next turn)-->
// DELIVERING --> IDLE.
//
// - One microtask delivers everything that was decided before it ran, in the order of the
//   decisions. The next microtask delivers what is decided meanwhile.
// - Turns are bounded: one turn of the loop makes at most ANSWERS_PER_TURN answers, including those
//   that calls return at once. After that, deliveries wait for the next turn, and so do calls that
//   could return at once. So two tasks that hand items to each other, or a loop of reads that find
//   their bytes, never keep timers and I/O from running. Prior art: tokio's coop. The host is asked
//   for a new turn once in half that number of answers, so the count costs an addition.
// - While steps are measured, a delivery that is timed is made alone: one microtask makes it, its
//   step ends when all microtasks have run, and only then does the next microtask deliver more.
// - A delivery that throws is reported and does not stop the others.
//
// Example: a task puts two items into a queue at which A and B wait, then cancels B. All three are
// decisions: A and B are answered, then B's answer is overruled. The microtask after the task's
// step delivers A's item and B's cancel. B's item stays in the queue.
import { disposable } from '../base/index.ts';
import { loopTime } from './clock.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';
import * as hooks from './instrument.ts';
import type { TaskRecord, WaitRecord } from './records.ts';

/** The most answers that one turn of the loop makes. */
const ANSWERS_PER_TURN = 1024;

/** What is delivered: a decided wait or, while steps are measured, the start of a task. */
export interface Delivery {
  /** Settles the promise, or starts the task. */
  deliver(): void;
  readonly task: TaskRecord | undefined;
  /** The wait; undefined for a start. */
  readonly record: WaitRecord | undefined;
}

const microtask = Promise.resolve();
/** Decided and not yet delivered, in the order of the decisions. */
let ready: Delivery[] = [];
let idle: Delivery[] = []; // the other of two arrays that alternate, so that a busy loop allocates none
/**
 * True if something will call deliverAll: a microtask, the end of a hold, the next turn, or the end
 * of a step.
 */
let scheduled = false;
/** True between holdDeliveries() and deliverHeld(), if nothing was scheduled before. */
let held = false;

/** Delivers it a microtask from now, or with the batch that is scheduled already. */
export function deliverSoon(delivery: Delivery): void {
  ready.push(delivery);
  if (!scheduled) schedule();
}

function schedule(): void {
  scheduled = true;
  void microtask.then(deliverAll);
}

/**
 * Holds deliveries until `deliverHeld()`. For a callback of the host with no user code below it
 * on the stack. There, a microtask would run right after the callback, and `deliverHeld()` at its
 * end does the same without one. Call both, whatever happens between them (`finally`). Otherwise
 * nothing is delivered any more.
 */
export function holdDeliveries(): void {
  if (scheduled) return;
  scheduled = true;
  held = true;
}

/** Delivers what was decided since `holdDeliveries()`, and ends the hold. */
export function deliverHeld(): void {
  if (!held) return;
  held = false;
  atOnce = ready.length === 1;
  deliverFromCallback();
  atOnce = false;
}

/**
 * True while a callback of the host makes the one delivery that it has decided itself: it follows on
 * the decision, and no task has run between them. A live binding.
 */
export let atOnce = false;

/**
 * Delivers from a callback of the host. If one of the deliveries is timed, a microtask does it: a
 * tick that the callback itself asks for would run before the microtasks of what it delivered.
 */
function deliverFromCallback(): void {
  if (hooks.stepEnded === undefined || untimed + ready.length < hooks.stepEvery) deliverAll();
  else if (ready.length > 0) schedule();
  else scheduled = false;
}

/**
 * For tests: called with each batch before it is delivered. It may reorder the batch and cancel
 * tasks.
 */
export type DeliveryHook = (batch: Delivery[]) => void;

let beforeDelivery: DeliveryHook | undefined;

/** Installs the delivery hook until the result is disposed. */
export function setDeliveryHook(hook: DeliveryHook): Disposable {
  beforeDelivery = hook;
  return disposable(() => void (beforeDelivery = undefined));
}

/**
 * Returns whether a delivery may be made now. If it returns false, it must hand the delivery in
 * again later.
 */
export type Gate = (delivery: Delivery) => boolean;

/** Undefined while there is no race. */
let gate: Gate | undefined;

/** Installs the gate, or removes it: see race.ts. */
export function setGate(candidate: Gate | undefined): void {
  gate = candidate;
}

/**
 * Delivers what is ready, as far as the turn and the gate allow. `scheduled` is false meanwhile, so
 * that a decision made now schedules the next microtask.
 */
function deliverAll(): void {
  scheduled = false;
  if (ready.length === 0) return;
  try {
    beforeDelivery?.(ready);
  } catch (error) {
    reportException({ message: 'A delivery hook failed', error });
  }
  const batch = ready;
  ready = idle;
  let made = 0;
  let i = 0;
  for (; i < batch.length && answers < ANSWERS_PER_TURN; i++) {
    const delivery = batch[i] as Delivery; // i < length
    if (gate !== undefined && !gate(delivery)) continue;
    if (hooks.stepEnded !== undefined && isTimed()) {
      // A timed delivery is made alone: the steps of earlier deliveries of this microtask have not
      // run yet.
      if (made === 0) {
        i++;
        deliverTimed(delivery);
      } else {
        untimed = hooks.stepEvery - 1; // the next one that is timed is still this one
        // `schedule`, not `deliverAll`: afterStep calls from a tick, which would go on before the
        // microtasks of what it delivered have run.
        afterStep(schedule);
      }
      break;
    }
    made++;
    answered();
    deliverOne(delivery);
  }
  if (i < batch.length) {
    ready = [...batch.slice(i), ...ready]; // what was decided meanwhile comes after it
    scheduled = true; // by afterStep, or by the coming turn
  }
  batch.length = 0;
  idle = batch;
}

/** Makes one delivery. An error of it is reported and stops no other. */
function deliverOne(delivery: Delivery): void {
  try {
    delivery.deliver();
  } catch (error) {
    reportException({ message: 'A delivery failed', error });
  }
}

// ---- turns are bounded -----------------------------------------------------------------------------------------

/** Answers since the last turn that the host was asked for. */
let answers = 0;

/** Counts an answer. */
function answered(): void {
  if (++answers === ANSWERS_PER_TURN / 2) host.nextTurn(onTurn);
}

// The first half, counted before the host was asked, may be of earlier turns. So a turn makes
// between half of the number and all of it.
function onTurn(): void {
  answers = 0;
  if (ready.length > 0 && scheduled && !held && !inStep) deliverFromCallback();
}

/**
 * Counts an answer that a call returns at once. Returns false if this turn has made all its
 * answers: then the call must wait.
 */
export function countAnswer(): boolean {
  if (answers >= ANSWERS_PER_TURN) return false;
  answered();
  return true;
}

// ---- steps -----------------------------------------------------------------------------------------------------

/** Deliveries since the last one that was timed. */
let untimed = 0;
/** A timed step is running. */
let inStep = false;

/** Counts a delivery. True for one in `stepEvery`. */
function isTimed(): boolean {
  untimed = (untimed + 1) % hooks.stepEvery;
  return untimed === 0;
}

/** Makes a timed delivery, and goes on with the others when its step has ended. */
function deliverTimed(delivery: Delivery): void {
  const startedAt = loopTime();
  inStep = true;
  answered();
  deliverOne(delivery);
  const { task, record } = delivery;
  afterStep(() => {
    inStep = false;
    const ms = loopTime() - startedAt;
    hooks.stepEnded?.({ task, wait: record, startedAt, ms, exact: host.afterMicrotasks !== undefined });
    if (ready.length > 0) schedule();
    else scheduled = false;
  });
}

/**
 * Calls `fn` when all microtasks have run, including those that they queue. Where the host cannot
 * tell, it calls `fn` in the next turn.
 */
function afterStep(fn: () => void): void {
  scheduled = true;
  if (host.afterMicrotasks === undefined) host.nextTurn(fn);
  else host.afterMicrotasks(fn);
}
