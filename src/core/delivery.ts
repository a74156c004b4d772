// Delivery: what was decided reaches its task. Deciding (answer, fail, cancel) and delivering are two steps, so that a cancel
// can still overrule an answer, and so that all that one event decides is decided before anybody acts on it.
//
// States: IDLE --(a decision)--> SCHEDULED --(a microtask, the end of a hold, the next turn)--> DELIVERING --> IDLE.
//
// - One microtask delivers all that was decided before it ran, in the order of the decisions. What is decided meanwhile is
//   delivered by the next one.
// - Turns are bounded: at most ANSWERS_PER_TURN answers are given in one turn of the loop, those that calls get at once included.
//   Then deliveries wait for the next turn, and calls that could be answered at once wait, too: so two tasks that hand items to
//   each other, or a loop of reads that find their bytes, never keep timers and I/O from running. Prior art: tokio's coop.
//   Whether a turn has passed is asked of the host once in half of that number, so the count costs an addition.
// - While steps are measured, a delivery that is timed is made by itself: it is delivered in a microtask, its step ends when all
//   microtasks have run, and only then the next microtask delivers more.
// - A delivery that throws is reported and does not stop the others.
import { disposable } from '../base/index.ts';
import { loopTime } from './clock.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';
import * as hooks from './instrument.ts';
import type { TaskRecord, WaitRecord } from './records.ts';

/** How many answers are given in one turn of the loop at most. */
const ANSWERS_PER_TURN = 1024;

/** What is delivered: a decided wait; while steps are measured, the start of a task as well. */
export interface Delivery {
  /** Settles the promise, or starts the task. */
  deliver(): void;
  readonly task: TaskRecord | undefined;
  /** The wait; undefined for a start. */
  readonly record: WaitRecord | undefined;
}

const microtask = Promise.resolve();
let ready: Delivery[] = [];
let idle: Delivery[] = []; // the other of two arrays that take turns, so that a busy loop allocates none
/** Something will call deliverAll: a microtask, the end of a hold, the next turn, the end of a step. */
let scheduled = false;
let held = false;

/** Has it delivered a microtask from now. */
export function deliverSoon(delivery: Delivery): void {
  ready.push(delivery);
  if (!scheduled) schedule();
}

function schedule(): void {
  scheduled = true;
  void microtask.then(deliverAll);
}

/**
 * For a callback of the loop's, below which no code of a user is on the stack: a microtask would come right behind it, and
 * deliverHeld() at its end does the same without one. Call both, whatever happens between them (`finally`), or nothing is delivered.
 */
export function holdDeliveries(): void {
  if (scheduled) return;
  scheduled = true;
  held = true;
}

/** The end of holdDeliveries(). */
export function deliverHeld(): void {
  if (!held) return;
  held = false;
  deliverAll();
}

/** For tests: told of each batch before it is delivered; it may reorder it and cancel tasks. */
export type DeliveryHook = (batch: Delivery[]) => void;

let beforeDelivery: DeliveryHook | undefined;

/** Installs the delivery hook until disposed. */
export function setDeliveryHook(hook: DeliveryHook): Disposable {
  beforeDelivery = hook;
  return disposable(() => {
    beforeDelivery = undefined;
  });
}

/** Says whether a delivery may be made now; one that may not is handed in again by whoever said so. */
export type Gate = (delivery: Delivery) => boolean;

let gate: Gate | undefined;

/** Installs the gate, or takes it away: see race.ts. */
export function setGate(candidate: Gate | undefined): void {
  gate = candidate;
}

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
      // Alone: what was delivered before it in this microtask has not gone on yet.
      if (made === 0) {
        i++;
        deliverTimed(delivery);
      } else {
        untimed = hooks.stepEvery; // it stays the one that is timed
        afterStep(schedule); // a microtask again: the tick that this is would run before the microtasks of what it delivered
      }
      break;
    }
    made++;
    answered();
    deliverOne(delivery);
  }
  if (i < batch.length) {
    ready = [...batch.slice(i), ...ready]; // what was decided meanwhile comes after it
    scheduled = true; // by afterStep, or by the turn that comes
  }
  batch.length = 0;
  idle = batch;
}

function deliverOne(delivery: Delivery): void {
  try {
    delivery.deliver();
  } catch (error) {
    reportException({ message: 'A delivery failed', error });
  }
}

// ---- turns are bounded -----------------------------------------------------------------------------------------

/** Answers since the host was last asked for a new turn. */
let answers = 0;

/** Counts an answer. */
function answered(): void {
  if (++answers === ANSWERS_PER_TURN / 2) host.nextTurn(onTurn);
}

// The half that was counted before the host was asked may be of earlier turns, so a turn gives half of the number or more.
function onTurn(): void {
  answers = 0;
  if (ready.length > 0 && scheduled && !held && !inStep) deliverAll();
}

/** Counts an answer that a call gets at once. False when this turn has given all its answers: then the call waits. */
export function countAnswer(): boolean {
  if (answers >= ANSWERS_PER_TURN) return false;
  answered();
  return true;
}

// ---- steps -----------------------------------------------------------------------------------------------------

let untimed = 0;
/** A timed step is running. */
let inStep = false;

function isTimed(): boolean {
  if (++untimed < hooks.stepEvery) return false;
  untimed = 0;
  return true;
}

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

/** Calls `fn` when the microtasks that are there, and those that they make, have run; or, where the host cannot tell, in the next turn. */
function afterStep(fn: () => void): void {
  scheduled = true;
  if (host.afterMicrotasks === undefined) host.nextTurn(fn);
  else host.afterMicrotasks(fn);
}
