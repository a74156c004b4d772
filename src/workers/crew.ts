// The crew: N places with a worker each, from the first start to the end.
//
// States: STARTING -(all are ready)-> SERVING -(end)-> ENDING -(the last worker is gone)-> ENDED
//   STARTING -(end)-> ENDING
//
// - In SERVING, changes.ts makes reloads and the like, and each place replaces what it loses
//   (place.ts).
// - In ENDING nobody is started. All drain at the same time, and each has a bound (member.ts), so
//   ENDED comes.
// - `#placeOf` has every worker that is not gone, from the step in which it is made.
// - Listeners of events may call anything, at any time: the state is changed before an event is
//   emitted, and looked at again after it.
import { callLater, type Handle, loopTime } from '../core/index.ts';
import { Changes, type ChangingCrew, startAll, type StartFailure } from './changes.ts';
import type { ClientDeck } from './client-deck.ts';
import { Member, type MemberEnd, type MemberEvents, type MemberParts } from './member.ts';
import { Place, type PlaceCrew } from './place.ts';
import { PULSE_EVERY, type WorkerFailure } from './protocol.ts';
import type { RestartOptions } from './restarts.ts';
import type { ServeEvent } from './serve/serve-events.ts';
import type { LeafMaker } from './worker-leaf.ts';
import type { WorkersEvent, WorkersListener, WorkerStateEvent } from './workers-events.ts';

/** The settings of a crew, all set. Durations are milliseconds. */
export interface CrewSettings {
  readonly grace: number;
  readonly readyTimeout: number;
  readonly killTimeout: number;
  /** Infinity: none. */
  readonly maxLifetime: number;
  /** Bytes; Infinity: no limit. */
  readonly maxMemory: number;
  readonly restarts: RestartOptions;
}

/** What a crew works with. */
export interface CrewParts {
  readonly maker: LeafMaker;
  readonly deck: ClientDeck;
  readonly emit: WorkersListener;
  /** Receives what other parts of the room send to each other. */
  readonly onMessage: (member: Member, type: string, body: unknown) => void;
  /** Called once, when the last worker is gone after `end`. */
  readonly onEnded: () => void;
}

/** A worker that went after the end began. */
export interface Departed extends MemberEnd {
  readonly member: Member;
}

export class Crew implements PlaceCrew, ChangingCrew, MemberEvents {
  readonly #settings: CrewSettings;
  readonly #parts: CrewParts;
  readonly #memberParts: MemberParts;
  readonly changes: Changes;
  #state: 'starting' | 'serving' | 'ending' | 'ended' = 'starting';
  #places: Place[] = [];
  readonly #placeOf = new Map<Member, Place>();
  #generation = 1;
  #lastId = 0;
  #ticker: Handle | undefined = undefined;
  readonly departed: Departed[] = [];
  /** Workers that were started, and those that were lost, since the start. */
  readonly counts = { started: 0, lost: 0 };

  constructor(settings: CrewSettings, parts: CrewParts) {
    this.#settings = settings;
    this.#parts = parts;
    const { readyTimeout, killTimeout } = settings;
    this.#memberParts = { maker: parts.maker, deck: parts.deck, events: this, readyTimeout, killTimeout };
    this.changes = new Changes(this, settings);
  }

  get state(): 'starting' | 'serving' | 'ending' | 'ended' {
    return this.#state;
  }

  get isEnding(): boolean {
    return this.#state === 'ending' || this.#state === 'ended';
  }

  get grace(): number {
    return this.#settings.grace;
  }

  get restarts(): RestartOptions {
    return this.#settings.restarts;
  }

  get generation(): number {
    return this.#generation;
  }

  get places(): readonly Place[] {
    return this.#places;
  }

  /** All workers that are not gone, in the order in which they were started. */
  get members(): Member[] {
    return [...this.#placeOf.keys()];
  }

  /**
   * Starts the first workers. Resolves when all are ready, or have failed, with the first failure. The
   * caller then ends the crew.
   */
  async start(count: number): Promise<StartFailure | undefined> {
    this.changes.wanted = count;
    const failure = await startAll(this.addPlaces(count), 'start');
    if (failure !== undefined || this.isEnding) return failure;
    this.#state = 'serving';
    this.#tick(loopTime());
    this.changes.look();
    return undefined;
  }

  /**
   * Ends all workers. Idempotent; a later call can make the grace shorter. `onEnded` is called when
   * the last is gone.
   */
  end(grace: number): void {
    if (this.#state === 'ended') return;
    if (!this.isEnding) {
      this.#state = 'ending';
      this.#ticker?.cancel();
      this.#parts.deck.close();
      for (const place of this.#places) place.close();
      this.changes.end();
    }
    for (const member of this.members) member.drain({ grace, reason: 'shutdown' });
    this.#maybeEnded();
  }

  /** Ends all workers at once, with their clients. */
  kill(): void {
    this.end(0);
    for (const member of this.members) member.stop('the supervisor was ended at once');
  }

  // ---- for places and changes ----------------------------------------------------------------------------------

  nextGeneration(): number {
    return ++this.#generation;
  }

  addPlaces(count: number): Place[] {
    const first = this.#places.length + 1;
    const added = Array.from({ length: Math.max(0, count) }, (_, i) => new Place(first + i, this));
    this.#places.push(...added);
    return added;
  }

  closePlaces(from: number): void {
    const closed = this.#places.splice(from);
    for (const place of closed) {
      place.close();
      for (const member of place.members) member.drain({ grace: this.grace, reason: 'reload' });
    }
  }

  hire(place: Place, reason: string): Member {
    this.counts.started++;
    const member = new Member(this.#memberParts, {
      id: ++this.#lastId,
      place: place.number,
      generation: this.#generation,
      reason,
    });
    this.#placeOf.set(member, place);
    return member;
  }

  started(member: Member): void {
    this.#tell(member, { state: 'starting', reason: member.reason });
  }

  onDown(last: Member): void {
    this.#tell(last, { state: 'down', reason: 'it was replaced too often; a reload tries again' });
  }

  emit(event: WorkersEvent): void {
    this.#parts.emit(event);
  }

  // ---- what members say ----------------------------------------------------------------------------------------

  onReady(member: Member): void {
    const before = this.#placeOf.get(member)?.promote(member);
    this.#tell(member, { state: 'ready' });
    before?.drain({ grace: this.grace, reason: 'reload' });
  }

  onFailed(member: Member, { message, detail }: WorkerFailure): void {
    this.#tell(member, { state: 'failed', reason: message, ...(detail === undefined ? {} : { detail }) });
    this.#placeOf.get(member)?.lost(member);
  }

  onDraining(member: Member): void {
    this.#tell(member, { state: 'draining', clients: member.connections });
  }

  onHung(member: Member, { message }: Error): void {
    this.#tell(member, { state: 'hung', reason: message });
    this.#placeOf.get(member)?.lost(member);
  }

  onGone(member: Member, end: MemberEnd): void {
    const { outcome, error, clients } = end;
    if (this.isEnding) this.departed.push({ ...end, member });
    // One that was stopped before it was ready was not wanted any more.
    const wasStopped = outcome === 'killed' && member.readyAt === undefined;
    if (outcome !== 'drained' && !wasStopped) this.counts.lost++;
    const place = this.#placeOf.get(member);
    this.#placeOf.delete(member);
    // No stack: the error was made here. That of the worker went to its standard error.
    const why = error === undefined ? {} : { reason: error.message };
    this.#tell(member, { state: 'gone', outcome, clients, ...why });
    place?.gone(member, end);
    this.#maybeEnded();
  }

  onServeEvent(member: Member, event: ServeEvent): void {
    const { id, place, generation } = member;
    this.#parts.emit({ ...event, worker: id, place, generation });
  }

  onMessage(member: Member, type: string, body: unknown): void {
    this.#parts.onMessage(member, type, body);
  }

  #tell(member: Member, more: Pick<WorkerStateEvent, 'state'> & Partial<WorkerStateEvent>): void {
    const { id, place, generation, process } = member;
    this.#parts.emit({ event: 'worker', worker: id, place, generation, process, ...more });
  }

  // ---- time ----------------------------------------------------------------------------------------------------

  /** `due`: when this call should have been. */
  #tick(due: number): void {
    const now = loopTime();
    const next = now + PULSE_EVERY;
    this.#ticker = callLater(PULSE_EVERY, () => this.#tick(next));
    // While this process stood still, it could not hear the workers: that is no silence of theirs.
    const slack = Math.max(0, now - due);
    for (const member of this.members) {
      member.listenFor(slack);
    }
    this.changes.look();
  }

  #maybeEnded(): void {
    if (this.#state !== 'ending' || this.#placeOf.size > 0) return;
    this.#state = 'ended';
    this.#parts.onEnded();
  }
}
