// The recorder: an instrument that writes what the loop does into a ring.
//
// How to use it. On the main thread:
//
//   const recorder = new Recorder();        // 8 MiB; `bytes` for another size
//   recorder.start();                       // sampled: one step in 64 is measured
//   recorder.setFull(true);                 // every step alone, until setFull(false); at any time
//   const notes = recorder.notes();         // names for what the ring has; plain data, for JSON
//
// Anywhere, in a worker too, and while the main thread is blocked:
//
//   const copy = copyRing(recorder.buffer); // what came before stays; the recorder goes on
//   const recording = readRecording(copy, notes, { process, reason: 'block' });
//
// States: OFF -(start)-> SAMPLED <-(setFull)-> FULL, and from both -(stop)-> OFF. What the ring has
// stays in it while the recorder is off.
//
// - The ring has numbers only. Names come from `notes()`: those of live tasks and resources from the
//   live objects themselves, and those of ended ones from tables that live as long as the ring: an
//   entry goes when the ring has come round since its end, or when a table has NAMES_MOST entries.
// - A hook writes an event or two. Begins and ends of waits allocate nothing, unless every wait
//   records its place: at full detail.
// - Cost on Node 24: sampled, about 0.3 us for each wait, of which the clock is the half; at full
//   detail about 12 us for a request of an echo server, so that is for the time of a recording.
// - The first event of a turn marks its begin, and asks the host for the next turn, which marks its
//   end. A loop that does nothing writes nothing.
// - A ring that goes on forgets. FrozenRings keeps copies of it, made at a block or an error.
// - Bytes are read from the counters of a connection: when it closes and, at full detail, when a
//   step of its handler ends.
import { quote } from '../base/index.ts';
import {
  addInstrument,
  atOnce,
  captureSite,
  currentTask,
  Gathering,
  type Holder,
  host,
  type Instrument,
  liveTasks,
  loopTime,
  Resource,
  type ResourceRecord,
  type StepRecord,
  Task,
  type TaskRecord,
  type WaitOutcome,
  type WaitRecord,
  waitsOf,
} from '../core/index.ts';
import { Kinds } from './kinds.ts';
import type { NotedResource, NotedTask, NotedWait, RecordingNotes } from './notes.ts';
import { spotOf } from './places.ts';
import type { Place } from './records.ts';
import { isOwnKind, labelOf, resourceBehind } from './resource-rows.ts';
import { DEFAULT_RING_BYTES, EVENT, RingWriter, UNKNOWN } from './ring.ts';
import { shortName } from './short-name.ts';

/** Of how many deliveries one is measured, unless the recorder is at full detail. */
const STEP_EVERY = 64;
/** The most ended tasks, the most ended resources and the most live ones that have names. */
const NAMES_MOST = 65_536;
/** Ended tasks and resources are looked through each time that they are this many more. */
const PRUNE_EVERY = 1024;

/** The most places. */
const PLACES_MOST = 20_000;
/** The frames of a stack: those of this package, then that of the program and who awaits it. */
const FRAMES = 20;

const NOBODY: readonly Holder[] = [];

/** Options of a Recorder. */
export interface RecorderOptions {
  /** The size of the ring in bytes, rounded down to a power of two of events. Default: 8 MiB. */
  readonly bytes?: number | undefined;
}

/** An ended task or resource, and how many events the ring had been given at its end. */
interface Ended<T> {
  readonly count: number;
  readonly noted: T;
}

/**
 * Records what the loop does into a ring, until it is stopped. One per thread is enough. Read it
 * with `readRecording`.
 */
export class Recorder implements Disposable {
  readonly #ring: RingWriter;
  readonly #places: Place[] = [];
  readonly #placeNumbers = new Map<Place, number>();
  readonly #waitKinds = new Kinds();
  readonly #resourceKinds = new Kinds();
  readonly #endedTasks = new Map<number, Ended<NotedTask>>();
  readonly #endedResources = new Map<string, Ended<NotedResource>>();
  #pruneAt = PRUNE_EVERY;
  /** Undefined while off. */
  #installed: Disposable | undefined = undefined;
  /** True from the first event of a turn to the end of its callbacks. */
  #inTurn = false;
  /** The time of the latest event of which the clock was read. */
  #last = 0;
  readonly #endTurn: () => void;
  /** What the latest #refer() was of; undefined for tasks, which keep their results. */
  #referred: unknown = undefined;
  /** Its resource. */
  #kind = 0;
  #id = 0;
  /** It says who holds it; undefined if it does not. */
  #held: Resource | undefined = undefined;
  /** Whether it is a task, or several. */
  #isTasks = false;
  /** The connections by the task of their handlers, and the bytes that the ring was told of. Filled at full detail. */
  readonly #served = new Map<TaskRecord, Counted>();
  /**
   * The tasks that await a task which they created, themselves or by `gather`: it works for them, as
   * the tasks of a group do for the task of the group.
   */
  readonly #awaiters = new WeakMap<object, number>();
  /** Connections that had no handler yet when they were opened. */
  #unserved: Counted[] = [];

  constructor({ bytes = DEFAULT_RING_BYTES }: RecorderOptions = {}) {
    this.#ring = new RingWriter(bytes);
    this.#endTurn = (): void => {
      this.#inTurn = false;
      if (this.#installed !== undefined) this.#ring.write(EVENT.turnEnded, loopTime(), 0, 0, 0, 0, 0, 0, 0, 0);
    };
  }

  /** The memory of the ring. A worker may have it, and copies it with `copyRing`. */
  get buffer(): SharedArrayBuffer | ArrayBuffer {
    return this.#ring.buffer;
  }

  /** Whether it records. */
  get isOn(): boolean {
    return this.#installed !== undefined;
  }

  /** Whether every step is measured. */
  get isFull(): boolean {
    return this.#ring.detail;
  }

  /** Begins to record, sampled unless `setFull(true)` was called. Undone by `stop`. */
  start(): void {
    if (this.#installed !== undefined) return;
    for (const task of liveTasks()) for (const { resource } of waitsOf(task)) this.#adopt(resource, task);
    this.#installed = addInstrument(this.#instrument());
  }

  /** Stops recording. What the ring has stays. */
  stop(): void {
    this.#installed?.[Symbol.dispose]();
    this.#installed = undefined;
    this.#referred = this.#held = undefined;
    this.#served.clear();
    this.#unserved = [];
  }

  /** Switches between full detail and one step in 64. It can be called at any time, also while off. */
  setFull(on: boolean): void {
    if (on === this.#ring.detail) return;
    this.#ring.detail = on;
    this.#served.clear();
    this.#unserved = [];
    if (on) for (const resource of Resource.live) this.#count(resource);
    if (this.#installed === undefined) return;
    // How many deliveries are timed is read when an instrument is added.
    this.#installed[Symbol.dispose]();
    this.#installed = addInstrument(this.#instrument());
  }

  /** Stops recording. */
  [Symbol.dispose](): void {
    this.stop();
  }

  // ---- events --------------------------------------------------------------------------------------------------

  #instrument(): Instrument {
    return {
      stepEvery: this.#ring.detail ? 1 : STEP_EVERY,
      taskStarted: (task, creator) => this.#taskStarted(task, creator),
      taskEnded: (task) => this.#taskEnded(task),
      waitBegun: (wait) => this.#waitBegun(wait),
      answerTimes: true, // for #waitEnded
      waitEnded: (wait, outcome) => this.#waitEnded(wait, outcome),
      stepEnded: (step) => this.#stepEnded(step),
      opened: (resource) => this.#opened(resource),
      jobStarted: (job, worker) => this.#jobStarted(job, worker),
      closed: (resource) => this.#closed(resource),
    };
  }

  /**
   * Returns the time of an event. The first one of a turn marks the turn's begin.
   * @param known a time to take, if nothing was written since
   */
  #now(known?: number): number {
    const now = known !== undefined && known >= this.#last ? known : loopTime();
    this.#last = now;
    if (!this.#inTurn) {
      this.#inTurn = true;
      this.#ring.write(EVENT.turnBegan, now, 0, 0, 0, 0, 0, 0, 0, 0);
      host.nextTurn(this.#endTurn);
    }
    return now;
  }

  #taskStarted(task: TaskRecord, creator: TaskRecord | undefined): void {
    if (creator !== undefined) (task as Task<unknown>).creatorId = creator.id; // only tasks implement TaskRecord
    this.#ring.write(EVENT.taskStarted, this.#now(), 0, 0, 0, task.id, creator?.id ?? 0, 0, ownerOf(task), 0);
  }

  #taskEnded(task: TaskRecord): void {
    const how = task.cancelled() ? 2 : (task as Task<unknown>).failed() ? 1 : 0; // only tasks implement TaskRecord
    this.#ring.write(EVENT.taskEnded, this.#now(), how, 0, 0, task.id, 0, 0, 0, 0);
    this.#served.delete(task);
    const noted = noteOf(task, this.#ownerOf(task));
    if (noted === undefined) return;
    this.#endedTasks.set(task.id, { count: this.#ring.count, noted });
    this.#prune();
  }

  #waitBegun(wait: WaitRecord): void {
    const { task, resource } = wait;
    this.#refer(resource);
    if (this.#isTasks && task !== undefined) this.#adopt(resource, task);
    const site = wait.site ?? (this.#ring.detail ? captureSite(captureSite, FRAMES) : undefined);
    const place = site === undefined ? 0 : this.#numberOf(spotOf(site, false)?.place);
    this.#ring.write(
      EVENT.waitBegun,
      this.#now(),
      0,
      this.#waitKinds.numberOf(wait.kind),
      this.#kind,
      task?.id ?? 0,
      wait.id,
      this.#id,
      place,
      this.#held === undefined ? 0 : holderOf(this.#held),
    );
  }

  #waitEnded(wait: WaitRecord, outcome: WaitOutcome): void {
    const { answeredAt } = wait;
    // The clock costs more than all else here, and a wait that is delivered at once was answered now.
    const now = this.#now(atOnce ? answeredAt : undefined);
    this.#refer(wait.resource);
    this.#ring.write(
      EVENT.waitEnded,
      now,
      outcome === 'answered' ? 0 : outcome === 'failed' ? 1 : 2,
      this.#waitKinds.numberOf(wait.kind),
      this.#kind,
      wait.task?.id ?? 0,
      wait.id,
      this.#id,
      answeredAt === undefined ? UNKNOWN : micros(now - answeredAt),
      Math.max(0, Math.round(now - wait.since)),
    );
  }

  #stepEnded({ task, wait, startedAt, ms, exact }: StepRecord): void {
    this.#now(); // a step may end in a turn of its own
    this.#ring.write(EVENT.step, startedAt, exact ? 1 : 0, 0, 0, task?.id ?? 0, wait?.id ?? 0, 0, micros(ms), 0);
    if (this.#ring.detail && task !== undefined) this.#countBytesOf(task);
  }

  #opened(resource: ResourceRecord): void {
    const { parent } = resource;
    const parentKind = parent === undefined ? 0 : this.#resourceKinds.numberOf(parent.kind);
    const kind = this.#resourceKinds.numberOf(resource.kind);
    const task = currentTask()?.id ?? 0;
    this.#ring.write(EVENT.opened, this.#now(), 0, 0, kind, task, 0, resource.id, parent?.id ?? 0, parentKind);
    if (this.#ring.detail) this.#count(resource);
  }

  #jobStarted(job: ResourceRecord, worker: number): void {
    const kind = this.#resourceKinds.numberOf(job.kind);
    this.#ring.write(EVENT.jobStarted, this.#now(), 0, 0, kind, 0, 0, job.id, worker, 0);
  }

  #closed(resource: ResourceRecord): void {
    const { kind, id } = resource;
    const now = this.#now();
    this.#referred = undefined; // it may be the last thing that knows it
    if (kind === 'connection') this.#closeBytes(resource);
    this.#ring.write(EVENT.closed, now, 0, 0, this.#resourceKinds.numberOf(kind), 0, 0, id, 0, 0);
    this.#endedResources.set(`${kind}:${id}`, { count: this.#ring.count, noted: noteOfResource(resource) });
    this.#prune();
  }

  /** Notes the tasks that a task awaits, as far as it created them. */
  #adopt(awaited: unknown, by: TaskRecord): void {
    if (awaited instanceof Task) {
      if (awaited.creatorId === by.id) this.#awaiters.set(awaited, by.id);
    } else if (awaited instanceof Gathering) {
      for (const child of awaited.children) this.#adopt(child, by);
    }
  }

  /** The task for which it works; 0 for none. */
  #ownerOf(task: TaskRecord): number {
    return ownerOf(task) || (this.#awaiters.get(task) ?? 0);
  }

  /** The number of a place, counting from 1; 0 if it is unknown, and beyond PLACES_MOST. */
  #numberOf(place: Place | undefined): number {
    if (place === undefined) return 0;
    let number = this.#placeNumbers.get(place);
    if (number === undefined) {
      if (this.#places.length >= PLACES_MOST) return 0;
      number = this.#places.push(place);
      this.#placeNumbers.set(place, number);
    }
    return number;
  }

  /** Sets the fields of #referred to what a wait waits for. That is often the same as in the event before. */
  #refer(resource: unknown): void {
    if (resource === this.#referred && resource !== undefined) return;
    this.#kind = 0;
    this.#id = 0;
    this.#held = resource instanceof Resource && resource.holders !== undefined ? resource : undefined;
    this.#isTasks = resource instanceof Task || resource instanceof Gathering;
    this.#referred = this.#isTasks ? undefined : resource;
    const known = resourceOf(resource);
    if (known === undefined) return;
    this.#kind = this.#resourceKinds.numberOf(known instanceof Task ? 'task' : known.kind);
    this.#id = known.id;
  }

  // ---- bytes ---------------------------------------------------------------------------------------------------

  /** Counts the bytes of a connection from now on. */
  #count(resource: ResourceRecord): void {
    const bytes = bytesOf(resource);
    if (bytes !== undefined && resource.parent !== undefined) this.#unserved.push({ resource, ...bytes });
  }

  /** Writes the bytes of the connection that the task serves. */
  #countBytesOf(task: TaskRecord): void {
    if (this.#unserved.length > 0) {
      this.#unserved = this.#unserved.filter((counted) => {
        const served = counted.resource.task;
        if (served !== undefined) this.#served.set(served, counted);
        return served === undefined;
      });
    }
    const counted = this.#served.get(task);
    if (counted !== undefined) this.#writeBytes(counted);
  }

  /** Writes the bytes of a connection that has closed. */
  #closeBytes(resource: ResourceRecord): void {
    const { task } = resource;
    const counted = task === undefined ? undefined : this.#served.get(task);
    this.#writeBytes(counted ?? { resource, read: -1, written: -1 });
    if (task !== undefined) this.#served.delete(task);
    if (this.#unserved.length > 0) this.#unserved = this.#unserved.filter((each) => each.resource !== resource);
  }

  #writeBytes(counted: Counted): void {
    const bytes = bytesOf(counted.resource);
    if (bytes === undefined || (bytes.read === counted.read && bytes.written === counted.written)) return;
    const { kind, id } = counted.resource;
    counted.read = bytes.read;
    counted.written = bytes.written;
    this.#ring.write(
      EVENT.bytes,
      loopTime(),
      0,
      0,
      this.#resourceKinds.numberOf(kind),
      0,
      0,
      id,
      bytes.read,
      bytes.written,
    );
  }

  // ---- names ---------------------------------------------------------------------------------------------------

  /**
   * Returns names for what the ring has, and what live tasks wait for. It walks the live objects: 1
   * to 2 ms for 1,000 of them. It changes nothing and may be called inside blocked code.
   */
  notes(): RecordingNotes {
    const resources = new Map<string, NotedResource>();
    for (const [key, { noted }] of this.#endedResources) resources.set(key, noted);
    for (const resource of Resource.live) {
      if (resources.size >= 2 * NAMES_MOST) break;
      resources.set(`${resource.kind}:${resource.id}`, noteOfResource(resource));
    }
    const keys = [...resources.keys()];
    const indexOf = new Map(keys.map((key, i) => [key, i]));
    const tasks = [...this.#endedTasks.values()].map(({ noted }) => noted);
    for (const task of liveTasks()) {
      if (tasks.length >= 2 * NAMES_MOST) break;
      const waits = waitsOf(task).map((wait) => this.#noteOfWait(wait, indexOf));
      tasks.push({ id: task.id, ...noteOf(task, this.#ownerOf(task)), waits });
    }
    return {
      at: loopTime(),
      waitKinds: [...this.#waitKinds.names],
      resourceKinds: [...this.#resourceKinds.names],
      places: [...this.#places],
      tasks,
      resources: [...resources.values()],
    };
  }

  #noteOfWait(wait: WaitRecord, indexOf: ReadonlyMap<string, number>): NotedWait {
    const known = resourceOf(wait.resource);
    const resource =
      known === undefined || known instanceof Task ? undefined : indexOf.get(`${known.kind}:${known.id}`);
    const place = this.#numberOf(spotOf(wait.site, true)?.place);
    return {
      id: wait.id,
      kind: wait.kind,
      since: wait.since,
      ...(resource === undefined ? undefined : { resource }),
      ...(wait.answeredAt === undefined ? undefined : { answeredAt: wait.answeredAt }),
      ...(place === 0 ? undefined : { place: place - 1 }),
    };
  }

  /** Drops the names of what ended so long ago that the ring has nothing of it. */
  #prune(): void {
    const size = this.#endedTasks.size + this.#endedResources.size;
    if (size < this.#pruneAt) return;
    const { count, capacity } = this.#ring;
    for (const table of [this.#endedTasks, this.#endedResources] as Map<unknown, Ended<unknown>>[]) {
      // In the order of ending, so that the first that stays ends the search.
      for (const [key, ended] of table) {
        if (table.size <= NAMES_MOST && (count - ended.count) >>> 0 < capacity) break;
        table.delete(key);
      }
    }
    this.#pruneAt = this.#endedTasks.size + this.#endedResources.size + PRUNE_EVERY;
  }
}

/** A connection and the bytes that the ring was told of. */
interface Counted {
  readonly resource: ResourceRecord;
  read: number;
  written: number;
}

function bytesOf(resource: ResourceRecord): { read: number; written: number } | undefined {
  const { bytesRead, bytesWritten } = resource as { bytesRead?: unknown; bytesWritten?: unknown };
  if (typeof bytesRead !== 'number' || typeof bytesWritten !== 'number') return undefined;
  return { read: bytesRead, written: bytesWritten };
}

/** The task in whose group it is; 0 for none. */
function ownerOf(task: TaskRecord): number {
  return ((task as Task<unknown>).owner?.task as TaskRecord | undefined)?.id ?? 0; // only tasks implement TaskRecord
}

/**
 * What is noted of a task; undefined if its number says it all.
 * @param owner the task for which it works; 0 for none
 */
function noteOf(task: TaskRecord, owner: number): NotedTask | undefined {
  const { id, name } = task;
  const isNamed = name !== `Task-${id}`;
  if (!isNamed && owner === 0) return undefined;
  return { id, ...(isNamed ? { name: shortName(name) } : undefined), ...(owner === 0 ? undefined : { owner }) };
}

function noteOfResource(resource: ResourceRecord): NotedResource {
  const { kind, id, task } = resource;
  // This may run inside blocked code, where no code of the program may be called.
  const label = isOwnKind(kind)
    ? labelOf(resource)
    : kind + (resource.name === undefined ? '' : ` ${quote(shortName(resource.name))}`);
  const peer = kind === 'connection' ? / from (\S+)$/.exec(label)?.[1] : undefined;
  return {
    kind,
    id,
    label,
    ...(peer === undefined ? undefined : { peer }),
    ...(task === undefined ? undefined : { task: task.id }),
  };
}

/** What a wait waits for, as far as it has an id. */
function resourceOf(resource: unknown): Resource | Task<unknown> | undefined {
  return resource instanceof Task ? (resource as Task<unknown>) : resourceBehind(resource);
}

/** The first task that holds the resource; 0 for none. */
function holderOf(resource: Resource): number {
  for (const { task } of resource.holders?.() ?? NOBODY) return task?.id ?? 0;
  return 0;
}

/** Whole microseconds, for a word. */
function micros(ms: number): number {
  return Math.min(UNKNOWN - 1, Math.max(0, Math.round(ms * 1000)));
}
