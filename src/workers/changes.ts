// The changes of a crew that serves: another number of workers, reloads, and workers that are due.
//
// - One change is made at a time, by #make(): scaling first, then a reload, then workers that are due.
//   So no two changes meet at one place. Crashes are no changes: each place sees to its own.
// - A reload replaces one worker, then two at once, then four: a fault shows at the first, and many
//   workers do not take their time one after the other. When one fails, the reload ends; those that
//   were replaced stay, and so do those that were not.
// - A reload that is asked for while one runs begins after it, once for all who asked meanwhile: the
//   file may have changed after the first began to load it.
// - They wait for promises of their own, outside of tasks: the end of a task, or of run(), does not
//   stop one halfway.
import { callSoon, Future, loopTime, random } from '../core/index.ts';
import type { Member, StartOutcome } from './member.ts';
import type { Place } from './place.ts';
import type { WorkerFailure } from './protocol.ts';
import { Roll, type ReloadReport } from './roll.ts';
import type { ReloadEvent } from './workers-events.ts';

/** What the changes need of the crew. */
export interface ChangingCrew {
  /** In the order of their numbers. */
  readonly places: readonly Place[];
  readonly state: 'starting' | 'serving' | 'ending' | 'ended';
  readonly generation: number;
  /** Begins the next generation: workers that are started from now on belong to it. */
  nextGeneration(): number;
  /** Makes more places, without workers. */
  addPlaces(count: number): Place[];
  /** Closes the places from an index on: their workers drain. */
  closePlaces(from: number): void;
  emit(event: ReloadEvent): void;
}

/** A worker that could not be started. */
export type StartFailure = Extract<StartOutcome, { kind: 'failed' }>;

/** When workers are due. */
export interface DueSettings {
  /** Milliseconds; Infinity: never. */
  readonly maxLifetime: number;
  /** Bytes; Infinity: no limit. */
  readonly maxMemory: number;
}

/** A worker that has reached a limit. */
interface Due {
  readonly place: Place;
  readonly reason: string;
  /** It reached the limit of memory so soon that a new one will, too: the pauses grow. */
  readonly isEarly: boolean;
}

/** The part by which the limits of workers differ, so that they are not reached together. */
const JITTER = 0.1;
/** Milliseconds within which a new worker should not reach its limit of memory. */
const EARLY = 60_000;
/** Milliseconds before the next try at a place where replacing did not help; then doubled. */
const AGAIN = 5000;
const MOST_AGAIN = 300_000;
const ENDING = 'the supervisor ends';

export class Changes {
  readonly #crew: ChangingCrew;
  readonly #settings: DueSettings;
  #isChanging = false;
  /** How many workers there should be. */
  wanted = 0;
  /** Those who wait until there are as many as wanted. Undefined: nobody asked. */
  #scaling: Future<StartFailure | undefined> | undefined = undefined;
  /** The reload that is next; undefined if nobody asked. */
  #roll: Roll | undefined = undefined;
  /** The limits of each worker, drawn when they are first looked at. */
  readonly #limits = new WeakMap<Member, { readonly lifetime: number; readonly memory: number }>();
  /** When a place whose worker is due, and could not be replaced, is tried again. */
  readonly #again = new WeakMap<Place, { readonly at: number; readonly pause: number }>();

  constructor(crew: ChangingCrew, settings: DueSettings) {
    this.#crew = crew;
    this.#settings = settings;
  }

  /** Asks for a reload: one that has not begun, and so loads what is there now. */
  reload(): Roll {
    if (this.#roll === undefined || this.#roll.isStopped) this.#roll = new Roll();
    const roll = this.#roll;
    this.look();
    return roll;
  }

  /** Asks for a number of workers. Done when they are there, or one could not be started. */
  scale(count: number): Future<StartFailure | undefined> {
    this.wanted = count;
    this.#scaling ??= new Future();
    const scaling = this.#scaling;
    this.look();
    return scaling;
  }

  /** Makes the changes that are asked for, or due. Call it when there may be one. */
  look(): void {
    if (this.#isChanging || this.#crew.state !== 'serving' || !this.#isAny) return;
    this.#isChanging = true;
    callSoon(() => void this.#make()); // outside of the task that asks
  }

  /** Ends those that have not begun. One that runs ends when its workers do. */
  end(): void {
    this.#scaling?.answer(undefined);
    this.#scaling = undefined;
    this.#roll?.end({ state: 'skipped', generation: this.#crew.generation, replaced: 0, ms: 0, reason: ENDING });
    this.#roll = undefined;
  }

  get #isAny(): boolean {
    return this.#scaling !== undefined || this.#roll !== undefined || this.#firstDue() !== undefined;
  }

  async #make(): Promise<void> {
    while (this.#crew.state === 'serving' && this.#isAny) {
      const roll = this.#roll;
      if (this.#scaling !== undefined) await this.#scale(this.#scaling);
      else if (roll !== undefined) await this.#reload(roll);
      else await this.#replaceFirstDue();
    }
    this.#isChanging = false;
  }

  // ---- scaling -------------------------------------------------------------------------------------------------

  async #scale(scaling: Future<StartFailure | undefined>): Promise<void> {
    this.#scaling = undefined;
    const { wanted } = this;
    const crew = this.#crew;
    if (wanted < crew.places.length) crew.closePlaces(wanted);
    const revived = crew.places.filter((place) => place.isDown);
    const added = crew.addPlaces(wanted - crew.places.length);
    const failure = await startAll([...revived, ...added], 'scale');
    if (failure !== undefined) {
      // Only new places at the end go, so that numbers stay without gaps.
      const first = crew.places.findIndex((place) => added.includes(place) && place.current === undefined);
      if (first !== -1) crew.closePlaces(first);
      if (this.wanted === wanted) this.wanted = crew.places.length;
    }
    scaling.answer(failure);
  }

  // ---- reloads -------------------------------------------------------------------------------------------------

  async #reload(roll: Roll): Promise<void> {
    this.#roll = undefined;
    if (roll.isStopped) return;
    const generation = this.#crew.nextGeneration();
    this.#crew.emit({ event: 'reload', state: 'began', generation });
    const began = loopTime();
    const rest = [...this.#crew.places];
    let replaced = 0;
    let failed: { readonly place: number; readonly failure: WorkerFailure } | undefined;
    for (let size = 1; rest.length > 0 && failed === undefined && this.#mayGoOn(roll); size *= 2) {
      const batch = rest.splice(0, size);
      roll.onStop = (): void => batch.forEach((place) => place.stopNext());
      const outcomes = await Promise.all(batch.map((place) => place.renew('reload', true)));
      roll.onStop = undefined;
      replaced += outcomes.filter(({ kind }) => kind === 'ready').length;
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.kind === 'failed') failed ??= { place: batch[i]?.number ?? 0, failure: outcome.failure };
      }
    }
    const same = { generation, replaced, ms: loopTime() - began };
    if (failed !== undefined) this.#reloaded(roll, { state: 'failed', ...same, ...failed });
    else if (this.#mayGoOn(roll)) this.#reloaded(roll, { state: 'done', ...same });
    else {
      const reason = roll.isStopped ? 'it was cancelled' : ENDING;
      this.#reloaded(roll, { state: 'skipped', ...same, reason });
    }
  }

  #mayGoOn(roll: Roll): boolean {
    return !roll.isStopped && this.#crew.state === 'serving';
  }

  #reloaded(roll: Roll, report: ReloadReport): void {
    const { state, generation, replaced, place, failure } = report;
    const why = failure === undefined ? report.reason : `the new worker at place ${place} failed: ${failure.message}`;
    const reason = why === undefined ? {} : { reason: why };
    const detail = failure?.detail === undefined ? {} : { detail: failure.detail };
    this.#crew.emit({ event: 'reload', state, generation, replaced, ...reason, ...detail });
    roll.end(report);
  }

  // ---- workers that are due ------------------------------------------------------------------------------------

  async #replaceFirstDue(): Promise<void> {
    const due = this.#firstDue();
    if (due === undefined) return;
    const { place, reason, isEarly } = due;
    const { kind } = await place.renew(reason, false);
    if (kind === 'ready' && !isEarly) return void this.#again.delete(place);
    const before = this.#again.get(place)?.pause;
    const pause = before === undefined ? AGAIN : Math.min(before * 2, MOST_AGAIN);
    this.#again.set(place, { at: loopTime() + pause, pause });
  }

  #firstDue(): Due | undefined {
    for (const place of this.#crew.places) {
      const { current } = place;
      if (current?.readyAt === undefined || loopTime() < (this.#again.get(place)?.at ?? 0)) continue;
      const { lifetime, memory } = this.#limitsOf(current);
      const age = loopTime() - current.readyAt;
      const after = `${Math.round(age / 1000)} s`;
      if (age >= lifetime) return { place, reason: `the one before it served for ${after}`, isEarly: false };
      if (current.memory < memory) continue;
      const isEarly = age < EARLY;
      const soon = isEarly ? ' less than a minute after its start: the limit may be too low' : '';
      return { place, reason: `the one before it had ${mebibytes(current.memory)} of memory${soon}`, isEarly };
    }
    return undefined;
  }

  #limitsOf(member: Member): { readonly lifetime: number; readonly memory: number } {
    let limits = this.#limits.get(member);
    if (limits === undefined) {
      const { maxLifetime, maxMemory } = this.#settings;
      const share = 1 - random() * JITTER;
      limits = { lifetime: maxLifetime * share, memory: maxMemory * share };
      this.#limits.set(member, limits);
    }
    return limits;
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

/** Starts a worker at each of the places. Resolves once all are ready or have failed, to the first failure. */
export async function startAll(places: readonly Place[], reason: string): Promise<StartFailure | undefined> {
  const outcomes = await Promise.all(places.map((place) => place.renew(reason, true)));
  return outcomes.find((outcome) => outcome.kind === 'failed');
}
