// A loop that does not exist: writes the events of clients that wait and work, as numbers decide, into a ring.

import { EVENT, RingWriter, UNKNOWN } from '#src/introspect/ring.js';
import { copyRing, readRecording, type Recording, type RecordingNotes } from '#src/introspect/index.js';

const WAITS = ['readLine', 'drain', 'sleep', 'lock.acquire', 'executor.call', 'await', 'promise'] as const;
const KINDS = ['', ...WAITS];
const RESOURCES = ['', 'lock', 'job', 'executor', 'connection'];

export const process = { pid: 1, runtime: 'test', file: '', epoch: 0, uptime: 0, rss: null, heapUsed: null };

interface Simulated {
  readonly ring: RingWriter;
  readonly notes: RecordingNotes;
  /** When it ended, in milliseconds. */
  readonly end: number;
}

/** One thing that happens: to whom, how long it takes, what comes after it. All are integers >= 0. */
export interface Happening {
  readonly client: number;
  /** Microseconds. */
  readonly idle: number;
  readonly ready: number;
  readonly work: number;
  readonly next: number;
}

/** Each client has a task with the id 10 + its number, and a connection with its number + 1. */
export function simulate(clients: number, happenings: readonly Happening[], isFull = true): Simulated {
  const ring = new RingWriter(2 ** 23);
  ring.detail = isFull;
  let now = 1000;
  let lastWait = 0;
  let lastTurn = -1;
  const waits = new Map<number, { id: number; kind: number; since: number; resource: number; resourceKind: number }>();
  const write = (kind: (typeof EVENT)[keyof typeof EVENT], fields: Partial<Record<string, number>>): void =>
    ring.write(
      kind,
      fields['time'] ?? now / 1000,
      fields['flags'] ?? 0,
      fields['waitKind'] ?? 0,
      fields['resourceKind'] ?? 0,
      fields['task'] ?? 0,
      fields['wait'] ?? 0,
      fields['resource'] ?? 0,
      fields['a'] ?? 0,
      fields['b'] ?? 0,
    );
  for (const { client, idle, ready, work, next } of happenings) {
    const task = 10 + (client % clients);
    const wait = waits.get(task);
    now += idle;
    if (now - lastTurn > 1000) {
      if (lastTurn >= 0) write(EVENT.turnEnded, {});
      write(EVENT.turnBegan, {});
      lastTurn = now;
    }
    const begin = now;
    if (wait === undefined) write(EVENT.taskStarted, { task });
    else {
      const answered = Math.min(ready, begin - wait.since);
      const { kind: waitKind, id, resource, resourceKind } = wait;
      const age = Math.round((begin - wait.since) / 1000);
      const a = waitKind === KINDS.length - 1 ? UNKNOWN : answered;
      write(EVENT.waitEnded, { task, wait: id, waitKind, resource, resourceKind, a, b: age });
    }
    now += work;
    const kind = 1 + (next % WAITS.length);
    const resourceKind = KINDS[kind] === 'lock.acquire' ? 1 : KINDS[kind] === 'executor.call' ? 2 : 0;
    const known = { id: ++lastWait, kind, since: now, resource: resourceKind === 0 ? 0 : 1 + (next % 3), resourceKind };
    waits.set(task, known);
    const holder = resourceKind === 1 ? 10 + (next % clients) : 0;
    const { id, resource } = known;
    write(EVENT.waitBegun, { task, wait: id, waitKind: kind, resource, resourceKind, a: 1 + (next % 4), b: holder });
    if (isFull) write(EVENT.step, { time: begin / 1000, flags: 1, task, wait: wait?.id ?? 0, a: now - begin });
  }
  const places = [1, 2, 3, 4].map((line) => ({ file: '/srv/chat.ts', line, column: 1, text: `chat.ts:${line}` }));
  const each = Array.from({ length: clients }, (_, i) => i);
  const notes = {
    at: now / 1000,
    waitKinds: KINDS,
    resourceKinds: RESOURCES,
    places,
    tasks: each.map((i) => ({ id: 10 + i, name: `127.0.0.1:${50_000 + i} #${i + 1}` })),
    resources: [
      ...each.map((i) => ({
        kind: 'connection',
        id: i + 1,
        label: `connection ${i + 1} from 127.0.0.1:${50_000 + i}`,
        peer: `127.0.0.1:${50_000 + i}`,
        task: 10 + i,
      })),
      ...[1, 2, 3].map((id) => ({ kind: 'lock', id, label: `lock "l${id}"` })),
    ],
  };
  return { ring, notes, end: now / 1000 };
}

export function recordingOf({ ring, notes }: Simulated): Recording {
  return readRecording(copyRing(ring.buffer), notes, { process, reason: 'request' });
}
