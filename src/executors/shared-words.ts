// The memory that an executor shares with a worker: six words.
//
// - CANCELLED: the number of the job whose caller was cancelled, for checkpoint() in synchronous
//   code. 0 for none.
// - OFFERED, SLOTS of them: the number of an offer, which is a job that the worker has been sent
//   before it has ended the one before. Whoever sets it back to 0 has the job: the worker takes it,
//   or the executor takes it back. So both know at once, and without a message, whether it runs. A
//   job that was taken back and is offered again has another number: the worker may still have the
//   first message.
// - SENT: counts messages to the worker, so that an idle worker can wait for the next one.

/** One more than may be offered: the worker may not have taken the one whose turn it is. */
export const SLOTS = 4;
const CANCELLED = 0;
const OFFERED = 1;
const SENT = OFFERED + SLOTS;

export type SharedWords = Int32Array;

export function newSharedWords(): SharedWords {
  return new Int32Array(new SharedArrayBuffer(4 * (SENT + 1)));
}

export function setCancelled(words: SharedWords, job: number): void {
  Atomics.store(words, CANCELLED, job);
}

export function cancelledJob(words: SharedWords): number {
  return Atomics.load(words, CANCELLED);
}

/** Makes an offer with a number above 0. Returns its key for the other two; undefined if there is no room. */
export function makeOffer(words: SharedWords, number: number): number | undefined {
  for (let slot = 0; slot < SLOTS; slot++) {
    if (Atomics.compareExchange(words, OFFERED + slot, 0, number) === 0) return number * SLOTS + slot;
  }
  return undefined;
}

/** Takes what is offered, on either side. Returns false if the other side has it. */
export function takeOffer(words: SharedWords, key: number): boolean {
  const number = Math.floor(key / SLOTS);
  return Atomics.compareExchange(words, OFFERED + (key % SLOTS), number, 0) === number;
}

/** Wakes a worker that waits for a message. Called after each. */
export function noteSent(words: SharedWords): void {
  Atomics.add(words, SENT, 1);
  Atomics.notify(words, SENT);
}

export function countSent(words: SharedWords): number {
  return Atomics.load(words, SENT);
}

/** Blocks this thread until more messages than `count` were sent, for at most `ms` milliseconds. */
export function waitForSent(words: SharedWords, count: number, ms: number): void {
  Atomics.wait(words, SENT, count, ms);
}
