// The instrument: who watches core, if anybody. Absent by default; core tests one binding and goes on.
// Methods run inside core's own steps: they must be quick and must not throw.
import { disposable } from '../base/index.ts';
import type { Task } from './task.ts';
import type { Wait } from './wait.ts';

export interface Instrument {
  taskStarted?(task: Task<unknown>): void;
  taskEnded?(task: Task<unknown>): void;
  waitBegun?(wait: Wait<unknown>): void;
  waitEnded?(wait: Wait<unknown>): void;
  /** `connection` is what the network room made; core knows nothing of it. */
  connectionOpened?(connection: unknown): void;
  connectionClosed?(connection: unknown): void;
}

/** The installed instrument. A live binding. */
export let instrument: Instrument | undefined;

/** Installs the instrument until disposed. One at a time: a second one throws. */
export function setInstrument(candidate: Instrument): Disposable {
  if (instrument !== undefined) throw new Error('Cannot set instrument: one is installed already, dispose it first');
  instrument = candidate;
  return disposable(() => {
    instrument = undefined;
  });
}
