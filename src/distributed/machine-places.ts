// What each place of the machines of a queue does, for pictures of an executor: what its own jobs do is
// known here, and what others run is as the machines told it lately.
import type { Resource } from '../core/index.ts';
import { machineName } from './machines.ts';
import type { OpenJob } from './open-job.ts';
import type { Machine } from './remote-protocol.ts';

/** A place where a job runs, or could. */
export interface MachinePlace {
  /** `host:pid`. Undefined if it is not known which machine has the job. */
  readonly machine: string | undefined;
  /** The job, if it is one of this process. */
  readonly job: Resource | undefined;
  /** What runs there. Undefined: nothing. */
  readonly name: string | undefined;
  /** When it began, on the loop's clock. */
  readonly since: number | undefined;
  readonly attempt: number | undefined;
}

/**
 * Returns the places of all machines, those that are busy first; then the jobs of which it is not known
 * where they run.
 * @param ahead milliseconds that the clock of Redis is ahead of the loop's
 */
export function placesOf(machines: readonly Machine[], open: Iterable<OpenJob>, ahead: number): MachinePlace[] {
  const own = new Map<string, OpenJob>();
  for (const each of open) if (each.job.state === 'running') own.set(each.id, each);
  const places: MachinePlace[] = [];
  const shown = new Set<string>();
  for (const machine of machines) {
    const name = machineName(machine);
    const its: MachinePlace[] = [];
    for (const [id, each] of own) {
      if (shown.has(id) || (each.machine ?? machineOf(machines, each)) !== name) continue;
      shown.add(id);
      its.push(placeOf(each, name));
    }
    for (const { id, name: job, since, attempt } of machine.jobs)
      if (!own.has(id)) its.push({ machine: name, job: undefined, name: job, since: since - ahead, attempt });
    while (its.length < machine.concurrency)
      its.push({ machine: name, job: undefined, name: undefined, since: undefined, attempt: undefined });
    places.push(...its);
  }
  for (const [id, each] of own) if (!shown.has(id)) places.push(placeOf(each, each.machine));
  return places;
}

function placeOf({ job, beganAt, attempt }: OpenJob, machine: string | undefined): MachinePlace {
  return { machine, job, name: job.label, since: beganAt, attempt };
}

/** The machine that has told that it runs this attempt. */
function machineOf(machines: readonly Machine[], { id, attempt }: OpenJob): string | undefined {
  const found = machines.find(({ jobs }) => jobs.some((job) => job.id === id && job.attempt === attempt));
  return found === undefined ? undefined : machineName(found);
}
