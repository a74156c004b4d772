// The sign of life of the main thread, for the worker: a beat every 25 ms, and which task was
// resumed last. Costs about 0.4 % of a core.
import { clearInterval, setInterval } from 'node:timers';
import { disposable } from '../../base/index.ts';
import { addInstrument, host } from '../../core/index.ts';
import { SiteRecording } from '../../introspect/index.ts';
import { BEAT_EVERY, type Pulse } from '../crossing.ts';

/**
 * The most places of waits that are recorded in a second while nobody looks, so that the first look
 * at a quiet program finds them. Less than 0.1 % of a core.
 */
const SITES_A_SECOND = 250;

/**
 * Beats until the result is disposed. Does not keep the process alive.
 * @param onBeat called with each beat, with how late it was, in milliseconds
 */
export function startHeartbeat(pulse: Pulse, onBeat: (now: number, late: number) => void): Disposable {
  const sites = new SiteRecording(SITES_A_SECOND);
  let waits = 0;
  let last = host.now();
  pulse.beat(last);
  const timer = setInterval(() => {
    const now = host.now();
    pulse.beat(now);
    onBeat(now, Math.max(0, now - last - BEAT_EVERY));
    sites.adapt(waits, now - last);
    waits = 0;
    last = now;
  }, BEAT_EVERY);
  timer.unref();
  const instrument = addInstrument({
    taskStarted: (task) => pulse.resumed(task.id), // an eager one runs at once
    waitEnded: (wait) => {
      waits++;
      pulse.resumed(wait.task?.id ?? 0);
    },
  });
  return disposable(() => {
    clearInterval(timer);
    instrument[Symbol.dispose]();
    sites[Symbol.dispose]();
  });
}
