// Warnings: what needs attention, in sentences, each with what was measured and what to do about it.
// They are found by comparing snapshots. What counts here is how long something has lasted, not how
// often anybody has looked, so snapshots may come at any rate.
//
// A warning begins when its condition has held for a while, keeps its `since` for as long as it
// holds, and is gone when it does not hold any more.
import { escapeControl } from '../base/index.ts';
import { conjugated, seatsOf } from './groups.ts';
import { Index, nameOfTask } from './named.ts';
import { limitWords, outsideOf } from './outside.ts';
import type { BlockRow, Cycle, ResourceRow, Snapshot, TaskRow, WaitRow, WarningRow } from './records.ts';
import { areBusy, figure, isFar } from './resource-rows.ts';
import { idText } from './room-ids.ts';
import type { OutsideRow } from './table-rows.ts';
import { bytesText, countText, durationText, plural } from './units.ts';
import { waitWords } from './wait-words.ts';
import { cyclesOf } from './waits-for.ts';
import { culpritOf, placeText } from './block-words.ts';

/** What a check looks at. */
export interface WarningsInput {
  readonly snapshot: Snapshot;
  /** The blocks so far. */
  readonly blocks?: readonly BlockRow[] | undefined;
  /** What stands outside of the servers. Default: as far as the snapshot has it. */
  readonly outside?: readonly OutsideRow[] | undefined;
  /** The circles of the snapshot, if they are known already. */
  readonly cycles?: readonly Cycle[] | undefined;
}

/** The most warnings of an answer, and of one kind. */
const MOST = 50;
const MOST_OF_A_KIND = 5;

// When something becomes a warning, in milliseconds or as said.
const BLOCKS = 3; // of one place
const BLOCKS_WITHIN = 60_000;
const CANCELLED_FOR = 5000;
const GROWS_FOR = 20_000;
const GROWN_TO = 100; // items
const DRAINS_FOR = 60_000;
const UNSENT = 65_536; // bytes, the default high-water mark
const UNSENT_FOR = 2000;
const STARVED_FOR = 10_000;

type Draft = Omit<WarningRow, 'since'> & { readonly since?: number };

/** How a queue has grown. */
interface Growth {
  readonly since: number;
  readonly from: number;
  last: number;
  /** When it last had more items than at the check before. */
  grewAt: number;
}

/** Finds warnings. One object sees the snapshots of one process, in their order. */
export class Warnings {
  /** Since when each condition holds. */
  #since = new Map<string, number>();
  #growth = new Map<string, Growth>();
  /** Those of this check. */
  #next = new Map<string, number>();
  #now = 0;
  /** The keys of the rows of the last check. */
  #shown: ReadonlySet<string> = new Set();
  #rows = new Map<string, WarningRow>();

  /** Those of the last check that were not among the ones before. */
  begun: readonly WarningRow[] = [];

  /** Looks at a snapshot. Returns the warnings that hold now, the oldest first. */
  check({ snapshot, blocks = [], outside = outsideOf(snapshot), cycles }: WarningsInput): readonly WarningRow[] {
    const index = new Index(snapshot);
    this.#now = snapshot.now;
    this.#next = new Map();
    this.#rows = new Map();
    const found = [
      ...this.#deadlocks(cycles ?? cyclesOf(snapshot, index)),
      ...this.#blocks(blocks),
      ...this.#cancelled(index),
      ...this.#queues(snapshot, index),
      ...this.#drains(index),
      ...this.#unsent(index),
      ...this.#executors(snapshot, index),
      ...outside.flatMap((row) => this.#limit(row)),
    ];
    this.#since = this.#next;
    this.begun = [...this.#rows].filter(([key]) => !this.#shown.has(key)).map(([, row]) => row);
    this.#shown = new Set(this.#rows.keys());
    return found.sort((a, b) => a.since - b.since).slice(0, MOST);
  }

  /** Notes that a condition holds. Returns since when. */
  #holds(key: string): number {
    const since = this.#since.get(key) ?? this.#now;
    this.#next.set(key, since);
    return since;
  }

  /** True if a condition, which holds now, has held for so long. */
  #heldFor(key: string, ms: number): boolean {
    return this.#now - this.#holds(key) >= ms;
  }

  #row(key: string, { since, ...draft }: Draft): WarningRow {
    const row = { ...draft, since: since ?? this.#holds(key) };
    this.#rows.set(key, row);
    return row;
  }

  #deadlocks(cycles: readonly Cycle[]): WarningRow[] {
    return cycles.slice(0, MOST_OF_A_KIND).map((cycle) =>
      this.#row(`deadlock ${[...cycle.tasks].sort((a, b) => a - b).join(' ')}`, {
        code: 'deadlock',
        sentence: cycle.sentence,
        evidence: `${plural(cycle.tasks.length, 'task')} in the circle, and nobody else can let them go on.`,
        remedy: 'Take locks in the same order everywhere, or put a timeout around the second one.',
      }),
    );
  }

  /** Code that blocks the loop again and again. */
  #blocks(blocks: readonly BlockRow[]): WarningRow[] {
    const byPlace = new Map<string, BlockRow[]>();
    for (const block of blocks) {
      if (this.#now - block.since > BLOCKS_WITHIN + block.ms) continue;
      const key = block.place === null ? `task ${block.name}` : `${block.place.file}:${block.place.line}`;
      const same = byPlace.get(key);
      if (same === undefined) byPlace.set(key, [block]);
      else same.push(block);
    }
    return [...byPlace].flatMap(([key, those]) => {
      const [first] = those;
      if (first === undefined || those.length < BLOCKS) return [];
      const sum = those.reduce((total, { ms }) => total + ms, 0);
      const isOne = those.every(({ task }) => task === first.task);
      const who = isOne ? culpritOf(first) : plural(new Set(those.map(({ task }) => task)).size, 'task');
      return [
        this.#row(`blocks ${key}`, {
          code: 'never-yields',
          sentence: `${capital(who)} ${isOne ? 'blocks' : 'block'} the loop again and again${placeText(first.place)}.`,
          evidence: `${plural(those.length, 'block')} in the last minute, ${durationText(sum)} in all.`,
          remedy:
            'Move the work to an executor, or let others run with `await sleep(0)` in between. If it is meant, put it into `allowBlocking`.',
          since: Math.min(...those.map(({ since }) => since)),
        }),
      ];
    });
  }

  /** Tasks that go on after a cancel, or cannot be reached by it. */
  #cancelled(index: Index): WarningRow[] {
    const rows: WarningRow[] = [];
    for (const task of index.snapshot.tasks) {
      if (task.cancelling === 0) continue;
      const key = `cancelled ${task.id}`;
      if (!this.#heldFor(key, CANCELLED_FOR)) continue;
      const since = this.#holds(key);
      const row =
        task.waits.length === 0 ? stuckAfterCancel(task, this.#now - since) : this.#swallowed(task, since, index);
      if (row !== undefined && rows.length < MOST_OF_A_KIND) rows.push(this.#row(key, row));
    }
    return rows;
  }

  /** A task that was cancelled and has begun to wait since. A clean-up may do that, but not for long. */
  #swallowed(task: TaskRow, since: number, index: Index): Draft | undefined {
    const wait = task.waits.find((each) => each.since > since && each.tasks === undefined);
    if (wait === undefined) return undefined; // it waits for its tasks to end, as it should
    const ms = durationText(this.#now - since);
    return {
      code: 'cancel-swallowed',
      sentence: `${capital(nameOfTask(task))} was cancelled ${ms} ago and goes on.`,
      evidence: `It has begun to ${waitWords(wait, index)} since.`,
      remedy: 'Rethrow CancelledError after cleaning up, and bound the clean-up with a timeout.',
    };
  }

  /** Queues that only grow. */
  #queues({ resources }: Snapshot, index: Index): WarningRow[] {
    const before = this.#growth;
    const rows: WarningRow[] = [];
    this.#growth = new Map();
    for (const resource of resources) {
      if (resource.kind !== 'queue' && resource.kind !== 'channel') continue;
      const size = figure(resource, 'size');
      const growth = before.get(resource.key);
      if (growth === undefined || size < growth.last) {
        this.#growth.set(resource.key, { since: this.#now, from: size, last: size, grewAt: this.#now });
        continue;
      }
      if (size > growth.last) growth.grewAt = this.#now;
      growth.last = size;
      this.#growth.set(resource.key, growth);
      const { since, from, grewAt } = growth;
      const ms = this.#now - since;
      const isGrowing = this.#now - grewAt < GROWS_FOR / 2 && size >= GROWN_TO && size >= 2 * from;
      if (!isGrowing || ms < GROWS_FOR || rows.length >= MOST_OF_A_KIND) continue;
      rows.push(this.#row(`grows ${resource.key}`, { ...growsWarning(resource, growth, ms, index), since }));
    }
    return rows;
  }

  /** Peers that do not take what is written to them. */
  #drains(index: Index): WarningRow[] {
    const slow: [name: string, wait: WaitRow][] = [];
    for (const task of index.snapshot.tasks) {
      const wait = task.waits.find(({ ball, since }) => ball === 'drain' && this.#now - since >= DRAINS_FOR);
      if (wait !== undefined) slow.push([nameOfTask(task), wait]);
    }
    const [first, ...others] = slow;
    if (first === undefined) return [];
    const [name, wait] = others.reduce((a, b) => (b[1].since < a[1].since ? b : a), first);
    const ms = durationText(this.#now - wait.since);
    const who = others.length === 0 ? capital(name) : `${capital(name)} and ${plural(others.length, 'other')}`;
    return [
      this.#row('drains', {
        code: 'slow-drain',
        sentence: `${who} ${others.length === 0 ? 'waits' : 'wait'} for minutes until a peer takes what was written.`,
        evidence: `The longest for ${ms}: it ${conjugated(waitWords(wait, index), 1)}.`,
        remedy: 'Put a timeout around the write and its drain, and end connections whose peer does not read.',
        since: wait.since,
      }),
    ];
  }

  /** Handlers that write without waiting, although much is unsent. */
  #unsent(index: Index): WarningRow[] {
    const rows: WarningRow[] = [];
    for (const { connection, leaf } of seatsOf(index).clients) {
      const unsent = figure(connection, 'unsent');
      if (unsent <= UNSENT || leaf === undefined || leaf.ball === 'drain') continue;
      const key = `unsent ${connection.key}`;
      if (!this.#heldFor(key, UNSENT_FOR) || rows.length >= MOST_OF_A_KIND) continue;
      rows.push(
        this.#row(key, {
          code: 'write-without-drain',
          sentence: `Much is written to client ${idText(connection.id)} and its handler does not wait for drain.`,
          evidence: `${bytesText(unsent)} are unsent, the high-water mark is ${bytesText(UNSENT)}.`,
          remedy: 'Call `await writer.drain()` after writing: it makes a fast writer wait for a slow reader.',
        }),
      );
    }
    return rows;
  }

  /** Executors and pools whose work piles up. */
  #executors({ resources }: Snapshot, index: Index): WarningRow[] {
    return resources.flatMap((resource) => {
      const draft = resource.kind === 'executor' ? executorWarning(resource, index) : poolWarning(resource, index);
      if (draft === undefined) return [];
      const key = `${draft.code} ${resource.key}`;
      return this.#heldFor(key, STARVED_FOR) ? [this.#row(key, draft)] : [];
    });
  }

  #limit(row: OutsideRow): WarningRow[] {
    const { server, parked, inLine, refused } = row;
    const limit = limitWords(row);
    if (limit === undefined) return [];
    return [
      this.#row(`limit ${server}`, {
        code: 'limit-reached',
        sentence: `${capital(escapeControl(server))} has reached ${limit}, and ${plural(parked + inLine, 'client waits', 'clients wait')} outside.`,
        evidence: `${countText(parked)} parked, ${countText(inLine)} in line for a handler, ${countText(refused)} refused so far.`,
        remedy:
          'Raise the limit if the machine can bear it, or find out why clients stay: connections shows the longest.',
      }),
    ];
  }
}

function stuckAfterCancel(task: TaskRow, ms: number): Draft {
  const name = nameOfTask(task);
  return {
    code: 'stuck-after-cancel',
    sentence: `${capital(name)} was cancelled ${durationText(ms)} ago and waits for something that is not maitre's.`,
    evidence: 'It has no wait of maitre, so no cancel reaches it.',
    remedy: 'Pass `task.signal` to what it calls, or await `cancellable(promise)`.',
  };
}

function growsWarning(resource: ResourceRow, { from, last }: Growth, ms: number, index: Index): Draft {
  const bound = resource.statistics['maxsize'] ?? resource.statistics['capacity'];
  const hasBound = typeof bound === 'number' && bound > 0;
  return {
    code: 'queue-grows',
    sentence: `${capital(index.labelOf(resource.key))} only grows: ${plural(last, 'item')}, ${countText(from)} of them ${durationText(ms)} ago.`,
    evidence: `It has not become shorter between two looks for ${durationText(ms)}.`,
    remedy: hasBound
      ? 'Take items out faster: add tasks that get.'
      : 'Give it a `maxsize`, so that those who put wait, or add tasks that get.',
  };
}

function executorWarning(resource: ResourceRow, index: Index): Draft | undefined {
  const queued = figure(resource, 'queued');
  const running = figure(resource, 'running');
  const size = figure(resource, 'size');
  if (queued === 0) return undefined;
  const name = capital(index.labelOf(resource.key));
  const jobs = plural(queued, 'job waits', 'jobs wait');
  if (figure(resource, 'workers') === 0) {
    return {
      code: 'executor-dead',
      sentence: `${name} has no worker, and ${jobs}.`,
      evidence: `${plural(figure(resource, 'lost'), isFar(resource) ? 'job' : 'worker')} ${isFar(resource) ? 'lost their worker' : 'ended by themselves'} so far.`,
      remedy: isFar(resource)
        ? 'Start one: `maitre worker FILE --redis URL`, with the same prefix and queue.'
        : 'Look for what ends the workers: an out-of-memory error, process.exit, or a module that fails to load.',
    };
  }
  if (!areBusy(resource)) return undefined;
  return {
    code: 'executor-starved',
    sentence: `${name} is overloaded: ${jobs} for ${plural(size, 'worker')}.`,
    evidence: `${countText(running)} running, ${countText(queued)} queued, ${countText(figure(resource, 'finished'))} finished so far.`,
    remedy: isFar(resource)
      ? 'Start more workers, bound the queue with `maxQueue`, or make the jobs shorter.'
      : 'Raise its `size` if there are idle cores, bound the queue with `maxQueue`, or make the jobs shorter.',
  };
}

/**
 * A pool of which nothing is free, or that cannot open anything. Not a semaphore: to make others
 * wait is what those are for.
 */
function poolWarning(resource: ResourceRow, index: Index): Draft | undefined {
  if (resource.kind !== 'pool') return undefined;
  const waiting = figure(resource, 'waiting');
  const { holders = [] } = resource;
  if (waiting === 0) return undefined;
  const failing = figure(resource, 'failing');
  if (failing > 0) {
    return {
      code: 'pool-failing',
      sentence: `${capital(index.labelOf(resource.key))} cannot open anything, and ${plural(waiting, 'task waits', 'tasks wait')}.`,
      evidence: `${plural(failing, 'attempt has', 'attempts have')} failed in a row.`,
      remedy:
        'Look whether what it opens is running and lets this program in: the TimeoutError of a caller has the reason.',
    };
  }
  if (holders.length === 0 || figure(resource, 'leased') < figure(resource, 'max')) return undefined;
  return {
    code: 'pool-starved',
    sentence: `All of ${index.labelOf(resource.key)} is taken, and ${plural(waiting, 'task waits', 'tasks wait')}.`,
    evidence: `Held by ${index.holdersOf(resource)}.`,
    remedy: 'Hold it for a shorter time, or raise its number.',
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
