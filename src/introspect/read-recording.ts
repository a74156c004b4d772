// Reads a recording out of a copy of the ring. Pure: it can run in any thread, at any time.
//
// One pass over the events, in the order of writing. For each task it knows the waits that are open,
// and the visit that is, from a delivery (or the start of the task) to its end.
//
// How a visit ends, the best that is known:
// - By its step event: measured, `exact`. At full detail, that is every visit. (Bun runs the ticks of
//   a module's top level before its microtasks: the first step of a batch that begins there is short.)
// - Otherwise by the last wait that its task began, or the end of the task: its code ran until then,
//   and what ran in the same turn before it ended when the one before had ended. Deliveries of one
//   turn are made together and their tasks run one after the other, so its begin is the later of its
//   delivery and the end of the visit before it. Where nested async functions interleave the code of
//   two tasks of one turn, the first is said to have worked for both.
// - If its task began no wait, with the turn.
//
// A task that does something without a delivery was resumed by a promise that is not maitre's. Its
// visit is `unseen`: when that began is not known, so it takes no time. At full detail it is a part
// of the step of the task that settled the promise, if a task did.
//
// Bytes are `ready` when the loop learned of them. They came after the loop's poll before that, so
// after the first event of the turn before: `readyAfter`.
import { ballOf } from './ball.ts';
import type { NotedTask, NotedWait, RecordingNotes } from './notes.ts';
import { type KnownJob, type KnownWait, RecordingNames, wholeMicros } from './recording-names.ts';
import type { Recording, Visit } from './recording.ts';
import type { BlockRow, ProcessRow } from './records.ts';
import { EVENT, type RingCopy, type RingEvent, UNKNOWN } from './ring.ts';

/** What a recording is of. */
export interface ReadRecordingOptions {
  readonly process: ProcessRow;
  readonly reason: Recording['reason'];
  /** The span, on the clock of the loop. Default: all that the ring has. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly blocks?: readonly BlockRow[] | undefined;
  readonly source?: Recording['source'] | undefined;
}

/** A visit that has not ended, as far as the pass has come. */
interface OpenVisit {
  begin: number;
  /** The id of the wait that it follows; 0 for the first one of a task. */
  readonly wait: number;
  readonly from: KnownWait | null;
  to: KnownWait | null;
  readonly turn: number;
  ended: boolean;
  /** When its task last began a wait or ended. Undefined: not yet. */
  mark: number | undefined;
  /** The length of its step. Undefined if it was not measured. */
  ms: number | undefined;
  exact: boolean;
}

/** A visit that has ended. */
interface KnownVisit {
  readonly begin: number;
  readonly ms: number;
  readonly exact: boolean;
  readonly task: number;
  readonly turn: number;
  readonly from: KnownWait | null;
  readonly to: KnownWait | null;
  readonly ended: boolean;
  bytes: readonly [read: number, written: number] | undefined;
}

interface KnownTask {
  readonly id: number;
  /** When it was created, until its first visit. */
  born: number | undefined;
  readonly open: Map<number, KnownWait>;
  visit: OpenVisit | undefined;
  /** Its latest visit in the span. */
  latest: KnownVisit | undefined;
  /** When its latest visit ended. Undefined: none is known. */
  last: number | undefined;
  ended: boolean;
}

/** Reads a recording. `notes` may have been made later than the copy. */
export function readRecording(copy: RingCopy, notes: RecordingNotes, options: ReadRecordingOptions): Recording {
  const pass = new Pass(notes, options);
  copy.forEach((event) => pass.add(event));
  return pass.end(copy.lost);
}

class Pass {
  readonly #notes: RecordingNotes;
  readonly #options: ReadRecordingOptions;
  readonly #from: number;
  readonly #to: number;
  readonly #names: RecordingNames;
  readonly #tasks = new Map<number, KnownTask>();
  readonly #visits: KnownVisit[] = [];
  readonly #jobs = new Map<number, KnownJob>();
  /** Bytes in and out so far, by connection. */
  readonly #bytes = new Map<number, readonly [read: number, written: number]>();
  readonly #turns: number[] = [];
  /** The begins of this turn and of the one before it. */
  #turnBegan: number | undefined = undefined;
  #turnBefore: number | undefined = undefined;
  /** When the latest visit that has an end ended. */
  #free = -Infinity;
  #first: number | undefined = undefined;
  #last = -Infinity;
  #isFull = true;
  /** The tasks with an open visit that was not measured. */
  readonly #unmeasured = new Set<KnownTask>();
  /** True once the span has begun. */
  #hasBegun = false;

  constructor(notes: RecordingNotes, options: ReadRecordingOptions) {
    this.#notes = notes;
    this.#options = options;
    this.#from = options.from ?? -Infinity;
    this.#to = options.to ?? Infinity;
    this.#names = new RecordingNames(notes);
  }

  add(event: RingEvent): void {
    const { time } = event;
    // A step is written when it has ended, with the time of its begin.
    const at = event.kind === EVENT.step ? time + event.a / 1000 : time;
    if (at > this.#to) return;
    this.#first ??= time;
    if (!this.#hasBegun && at >= this.#from) this.#begin();
    if (this.#hasBegun) this.#isFull &&= event.detail;
    this.#last = Math.max(this.#last, at);
    this.#apply(event);
  }

  #apply(event: RingEvent): void {
    switch (event.kind) {
      case EVENT.turnBegan:
        this.#endUnmeasured(event.time);
        this.#turnBefore = this.#turnBegan;
        this.#turnBegan = event.time;
        if (this.#hasBegun) this.#turns.push(event.time);
        break;
      case EVENT.turnEnded:
        this.#endUnmeasured(event.time);
        break;
      case EVENT.taskStarted:
        this.#names.own(event.task, event.a);
        this.#task(event.task).born = event.time;
        break;
      case EVENT.taskEnded:
        this.#taskEnded(event);
        break;
      case EVENT.waitBegun:
        if (event.task !== 0) this.#waitBegun(event);
        break;
      case EVENT.waitEnded:
        if (event.task !== 0) this.#waitEnded(event);
        break;
      case EVENT.step:
        if (event.task !== 0) this.#step(event);
        break;
      default:
        this.#resource(event);
    }
  }

  /** The span begins: what tasks wait for now is what they wait for at the start. */
  #begin(): void {
    this.#hasBegun = true;
    for (const task of this.#tasks.values()) {
      const wait = lastOf(task.open);
      if (wait !== undefined && task.visit === undefined) this.#names.start(task.id, wait);
    }
  }

  #task(id: number): KnownTask {
    let task = this.#tasks.get(id);
    if (task === undefined) {
      task = {
        id,
        born: undefined,
        open: new Map(),
        visit: undefined,
        latest: undefined,
        last: undefined,
        ended: false,
      };
      this.#tasks.set(id, task);
    }
    return task;
  }

  // ---- visits --------------------------------------------------------------------------------------------------

  #open(task: KnownTask, begin: number, wait: number, from: KnownWait | null): OpenVisit {
    this.#close(task, begin);
    task.born = undefined;
    const turn = this.#turns.length;
    const visit = { begin, wait, from, to: null, turn, ended: false, mark: undefined, ms: undefined, exact: false };
    task.visit = visit;
    this.#unmeasured.add(task);
    return visit;
  }

  #waitBegun(event: RingEvent): void {
    const task = this.#task(event.task);
    const wait: KnownWait = {
      kind: this.#names.waitKind(event.waitKind),
      since: event.time,
      place: event.a === 0 ? null : event.a - 1,
      resource: this.#names.key(event.resourceKind, event.resource),
      holder: event.b,
      ready: undefined,
      readyAfter: undefined,
    };
    task.open.set(event.wait, wait);
    const visit = task.visit ?? this.#opened(task, event.time);
    visit.to = wait;
    this.#mark(visit, event.time);
  }

  #taskEnded(event: RingEvent): void {
    const task = this.#task(event.task);
    task.ended = true;
    const visit = task.visit ?? this.#opened(task, event.time);
    visit.ended = true;
    visit.to = null;
    this.#mark(visit, event.time);
  }

  #waitEnded(event: RingEvent): void {
    const task = this.#task(event.task);
    const wait = task.open.get(event.wait) ?? this.#begunEarlier(event);
    task.open.delete(event.wait);
    if (event.a !== UNKNOWN) wait.ready = event.time - event.a / 1000;
    const isRead = ballOf(wait.kind, undefined) === 'read';
    if (isRead && this.#turnBefore !== undefined && wait.ready !== undefined) {
      wait.readyAfter = Math.min(wait.ready, Math.max(wait.since, this.#turnBefore));
    }
    this.#open(task, event.time, event.wait, wait);
  }

  /** A wait whose begin the ring has not, or has from before the recorder was on. */
  #begunEarlier(event: RingEvent): KnownWait {
    const since = event.time - event.b;
    const resource = this.#names.key(event.resourceKind, event.resource);
    const kind = this.#names.waitKind(event.waitKind);
    const wait = { kind, since, place: null, resource, holder: 0, ready: undefined, readyAfter: undefined };
    if (!this.#hasBegun || since < (this.#first ?? Infinity)) this.#names.start(event.task, wait);
    return wait;
  }

  /** Opens the visit of a task that runs without a delivery: its first, or after a promise of others. */
  #opened(task: KnownTask, time: number): OpenVisit {
    if (task.born !== undefined) return this.#open(task, task.born, 0, null);
    if (task.last === undefined) return this.#open(task, time, -1, null);
    const unseen = { kind: 'promise', since: task.last, place: null, resource: null, holder: 0 };
    return this.#open(task, time, -1, { ...unseen, ready: undefined, readyAfter: undefined });
  }

  /** The task of the visit has run until `time`. */
  #mark(visit: OpenVisit, time: number): void {
    if (visit.mark === undefined) visit.begin = Math.min(time, Math.max(visit.begin, this.#free));
    visit.mark = time;
    this.#free = time;
  }

  #step(event: RingEvent): void {
    const task = this.#task(event.task);
    let { visit } = task;
    if (visit?.wait !== event.wait) {
      // The ring has the end of the step and not its begin.
      if (visit !== undefined) return;
      visit = this.#open(task, event.time, event.wait, null);
    }
    visit.begin = event.time;
    visit.ms = event.a / 1000;
    visit.exact = event.flags === 1;
    this.#free = event.time + visit.ms;
    this.#close(task, this.#free);
  }

  /** Ends the visits that nothing has ended until the turn is over. */
  #endUnmeasured(time: number): void {
    // Of several without a mark, nobody knows which of them ran for how long.
    const [unmarked, ...others] = [...this.#unmeasured].filter(({ visit }) => visit?.mark === undefined);
    if (unmarked !== undefined) this.#close(unmarked, others.length === 0 ? time : -Infinity);
    for (const task of this.#unmeasured) this.#close(task, -Infinity);
  }

  #close(task: KnownTask, time: number): void {
    const { visit } = task;
    if (visit === undefined) return;
    task.visit = undefined;
    this.#unmeasured.delete(task);
    const end = visit.ms === undefined ? (visit.mark ?? Math.max(visit.begin, time)) : visit.begin + visit.ms;
    task.last = end;
    if (!this.#hasBegun || end < this.#from) return;
    const { begin, exact, from, ended } = visit;
    const to = ended ? null : (visit.to ?? lastOf(task.open) ?? null);
    const turn = Math.max(1, visit.turn);
    this.#visits.push({
      begin,
      ms: visit.ms ?? end - begin,
      exact,
      task: task.id,
      turn,
      from,
      to,
      ended,
      bytes: undefined,
    });
    task.latest = this.#visits.at(-1);
  }

  // ---- resources -----------------------------------------------------------------------------------------------

  #resource(event: RingEvent): void {
    const { resource: id, time, a, b } = event;
    const kind = this.#names.resourceKind(event.resourceKind);
    if (kind === 'connection' && event.kind === EVENT.opened) this.#bytes.set(id, [0, 0]);
    if (event.kind === EVENT.bytes) this.#countBytes(id, a, b);
    if (kind !== 'job') return;
    let job = this.#jobs.get(id);
    if (job === undefined) {
      job = { id, executor: null, worker: null, task: 0, queued: null, started: null, ended: null };
      this.#jobs.set(id, job);
    }
    if (event.kind === EVENT.opened) {
      job.queued = time;
      job.task = event.task;
      job.executor = this.#names.key(event.b, event.a);
    } else if (event.kind === EVENT.jobStarted) {
      job.started = time;
      job.worker = event.a;
    } else if (event.kind === EVENT.closed) {
      job.ended = time;
    }
  }

  /** Notes what a connection has read and written so far, with the latest visit of its handler. */
  #countBytes(id: number, read: number, written: number): void {
    const before = this.#bytes.get(id);
    this.#bytes.set(id, [read, written]);
    const task = this.#names.handlerOf(id);
    const visit = task === undefined ? undefined : this.#tasks.get(task)?.latest;
    if (before === undefined || visit === undefined || !this.#isFull) return;
    const [came, left] = [(read - before[0]) >>> 0, (written - before[1]) >>> 0];
    if (came === 0 && left === 0) return;
    const [known, sent] = visit.bytes ?? [0, 0];
    visit.bytes = [known + came, sent + left];
  }

  // ---- the end -------------------------------------------------------------------------------------------------

  end(lost: number): Recording {
    const { process, reason, blocks = [], source = {} } = this.#options;
    for (const task of this.#tasks.values()) this.#close(task, this.#last);
    for (const task of this.#notes.tasks) this.#standing(task);
    const names = this.#names;
    // Without events, nothing is known of the time before the notes.
    const from = Math.max(this.#from, this.#first ?? Math.min(this.#to, this.#notes.at));
    const to = Math.max(from, Math.min(this.#to, Math.max(this.#last, this.#notes.at)));
    const visits = this.#visits
      .sort((a, b) => a.begin - b.begin)
      .map(({ begin, ms, exact, task, turn, from: before, to: after, ended, bytes }): Visit => ({
        begin: wholeMicros(begin),
        ms: wholeMicros(ms),
        exact,
        table: names.table(task),
        task,
        turn,
        from: names.wait(before),
        to: names.wait(after),
        ended,
        ...(bytes === undefined ? undefined : { bytes }),
      }));
    const jobs = [...this.#jobs.values()]
      .filter(({ ended }) => ended === null || ended >= from)
      .map((job) => names.job(job));
    // A task that serves nobody and that nothing has resumed says nothing beside clients.
    for (const task of names.started()) if (!names.hasClients || names.isOfClient(task)) names.table(task);
    return {
      version: 1,
      process,
      reason,
      from: wholeMicros(from),
      to: wholeMicros(to),
      full: this.#isFull,
      lost: this.#from < from || this.#options.from === undefined ? lost : 0,
      tables: names.tables(),
      places: names.places,
      resources: names.resources,
      visits,
      jobs,
      turns: this.#turns.map(wholeMicros),
      blocks: blocks.filter((block) => block.since + block.ms >= from && block.since <= to),
      source,
    };
  }

  /** A task that lived when the notes were made: what it waits for, as far as the ring does not say. */
  #standing({ id, waits = [] }: NotedTask): void {
    const known = this.#tasks.get(id);
    for (const noted of waits) {
      const wait = known?.open.get(noted.id);
      // Answered and not delivered: the loop is elsewhere.
      if (wait !== undefined && noted.answeredAt !== undefined) wait.ready ??= noted.answeredAt;
      if (known === undefined && noted.since <= this.#to) this.#names.start(id, this.#waitOf(noted));
    }
  }

  #waitOf({ kind, since, place, resource, answeredAt }: NotedWait): KnownWait {
    const noted = resource === undefined ? undefined : this.#notes.resources[resource];
    return {
      kind,
      since,
      place: place ?? null,
      resource: noted === undefined ? null : `${noted.kind}:${noted.id}`,
      holder: 0,
      ready: answeredAt,
      readyAfter: undefined,
    };
  }
}

/** The latest of the waits. */
function lastOf(open: ReadonlyMap<number, KnownWait>): KnownWait | undefined {
  let last: KnownWait | undefined;
  for (const wait of open.values()) last = wait;
  return last;
}
