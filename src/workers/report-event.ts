// What happens to workers where nobody listens: the exception handler receives what goes wrong.
import { emitWarning } from 'node:process';
import { reportException } from '../core/index.ts';
import type { WorkersEvent } from './workers-events.ts';

export function reportEvent(event: WorkersEvent): void {
  if (event.event === 'error') {
    reportException({
      message: `Unhandled error in worker ${event.place}: ${event.error}`,
      error: event.error,
      brief: true,
    });
    return;
  }
  if (event.event === 'warning') emitWarning(event.message);
  if (event.event !== 'worker' || !isBad(event)) return;
  const { state, place, process, reason = '', detail, clients = 0 } = event;
  const lost = clients > 0 ? `; ${clients} clients ended with it` : '';
  const more = detail === undefined ? '' : `\n${detail}`;
  const message = `Worker ${place} (${process}) ${state === 'gone' ? event.outcome : state}: ${reason}${lost}${more}`;
  reportException({ message, error: new Error(reason), brief: true });
}

/** Whether an event says that something is wrong. What failed or hung is reported then, not when it is gone. */
function isBad({ state, outcome, clients }: Extract<WorkersEvent, { event: 'worker' }>): boolean {
  if (state === 'gone') return outcome === 'crashed' || outcome === 'stuck' || (outcome !== 'drained' && clients !== 0);
  return state === 'failed' || state === 'hung' || state === 'down';
}
