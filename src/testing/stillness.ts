// Stillness: whether real I/O may still be in transit before a fake clock jumps. A kernel needs
// real time to connect and to deliver. A jump meanwhile would fire the timeouts of what is about to
// arrive.
//
// - If the host has no more sockets open than when this was made, nothing can arrive.
// - Otherwise every task has to stand at the same waits for QUIET real milliseconds and LOOKS
//   looks. Both, because on a busy machine time passes without a turn of the loop.
// - Nor may any step be due in the next turn (Node reports those): a peer in this process may need
//   many turns to answer. A program that always has one, such as a loop of setImmediate, is waited
//   for at most RESTLESS real milliseconds.
// - Hosts that do not report what is open (Bun) count as having nothing open.
import { type ActiveResource, host, liveTasks, type Wait, waitsOf } from '../core/index.ts';

/** The real milliseconds during which nothing may move. */
const QUIET = 3;
const LOOKS = 3;
const RESTLESS = 1000;

export class Stillness {
  readonly #openBefore: number = countOpen(active());
  #waits: readonly Wait<unknown>[] = [];
  #since = 0;
  #looks = 0;
  /**
   * The time since which every look has found a step that is due. Undefined if the last look found
   * none.
   */
  #restlessSince: number | undefined = undefined;

  /**
   * Looks once. Returns true if nothing is in transit. Leave a real millisecond or more between
   * looks.
   */
  reached(): boolean {
    const resources = active();
    if (countOpen(resources) <= this.#openBefore) return true;
    const waits = [...liveTasks()].flatMap((task) => waitsOf(task));
    const isRestless = this.#isRestless(resources);
    const same =
      !isRestless && waits.length === this.#waits.length && waits.every((wait, i) => wait === this.#waits[i]);
    if (same && (++this.#looks < LOOKS || host.now() - this.#since < QUIET)) return false;
    this.#waits = waits; // also after a still look: what a jump fires may send something without changing a wait
    this.#since = host.now();
    this.#looks = 0;
    return same;
  }

  #isRestless(resources: readonly ActiveResource[]): boolean {
    if (!resources.some(({ name }) => name === 'Immediate')) {
      this.#restlessSince = undefined;
      return false;
    }
    this.#restlessSince ??= host.now();
    return host.now() - this.#restlessSince < RESTLESS;
  }
}

function active(): readonly ActiveResource[] {
  return host.activeResources?.() ?? [];
}

function countOpen(resources: readonly ActiveResource[]): number {
  return resources.filter((each) => each.class === 'io').length;
}
