// StreamReader as asyncio's documentation tells it, on a plain text and naive searches; and the comparison of both under
// random operations. Nothing is awaited between two operations unless one of them is `tick`, which delivers what was
// decided: so an answer, more bytes, the end and a cancel come in every order before the read goes on.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { BusyError, CancelledError, IncompleteReadError, LimitOverrunError } from 'maitre';
import { StreamReader } from '#src/streams/index.js';
import { microtasks, nextTurn } from '../support/test.js';
import { FakeReadTransport } from './fake-transport.js';

type Read =
  | { readonly kind: 'read'; readonly n: number }
  | { readonly kind: 'readExactly'; readonly n: number }
  | { readonly kind: 'readUntil'; readonly separators: readonly string[]; readonly limit: number | undefined }
  | { readonly kind: 'readLine'; readonly limit: number | undefined };

type Operation =
  | Read
  | { readonly kind: 'feed'; readonly data: string }
  | { readonly kind: 'feedEof' | 'setException' | 'cancel' | 'tick' };

interface ReaderCase {
  readonly limit: number;
  readonly operations: readonly Operation[];
}

const letters = fc.constantFrom('a', 'b', '\n');
const textOf = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: letters, minLength, maxLength });
const separators = fc.array(textOf(1, 3), { minLength: 1, maxLength: 3 });
const readLimit = fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined });

const operations: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('feed' as const), data: textOf(0, 12) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('tick' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('feedEof' as const, 'setException' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), n: fc.integer({ min: -1, max: 15 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('readExactly' as const), n: fc.integer({ min: 0, max: 30 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('readUntil' as const), separators, limit: readLimit }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('readLine' as const), limit: readLimit }) },
);

export const readerCases: fc.Arbitrary<ReaderCase> = fc.record({
  limit: fc.integer({ min: 1, max: 12 }),
  operations: fc.array(operations, { minLength: 1, maxLength: 60 }),
});

/** How a read ended, as text: what it gave, or its error and what that says. */
type Ending = string;

class Model {
  held = '';
  eof = false;
  broken = false;
  /** What readLine dropped; the rest of what was fed is held or in `given`. */
  dropped = 0;
  given = 0;
  readonly endings: Ending[] = [];
  readonly log: ('pause' | 'resume')[] = [];
  readonly #limit: number;
  #waiting: { readonly read: Read; readonly place: number; answered: boolean; cancelled: boolean } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  apply(operation: Operation): void {
    const waiting = this.#waiting;
    switch (operation.kind) {
      case 'feed':
        if (this.eof || operation.data === '') return;
        this.held += operation.data;
        if (waiting !== undefined && !waiting.answered) {
          waiting.answered = this.#isReady(waiting.read);
          if (!waiting.answered) return; // it needs more: nothing is held back
        }
        this.#pauseIfFull();
        return;
      case 'feedEof':
        this.eof = true;
        if (waiting !== undefined) waiting.answered = true;
        return;
      case 'setException':
        this.broken = true;
        if (waiting !== undefined) waiting.answered = true;
        return;
      case 'cancel':
        if (waiting === undefined) return;
        this.endings[waiting.place] = 'cancelled';
        // A read that was answered is taken back when the cancel is delivered, or by the next read.
        if (waiting.answered) waiting.cancelled = true;
        else this.#takeBack();
        return;
      case 'tick':
        if (waiting === undefined || !waiting.answered) return;
        if (waiting.cancelled) {
          this.#takeBack();
          return;
        }
        this.#waiting = undefined;
        this.endings[waiting.place] = this.#end(waiting.read);
        return;
      default:
        this.#begin(operation);
    }
  }

  #begin(read: Read): void {
    const place = this.endings.push('pending') - 1;
    const asksForNothing = (read.kind === 'read' || read.kind === 'readExactly') && read.n === 0;
    if (asksForNothing && !this.broken) {
      this.endings[place] = 'gave ""';
      return;
    }
    if (this.#waiting?.cancelled === true) this.#takeBack();
    if (this.#waiting !== undefined) this.endings[place] = 'busy';
    else if (this.#isReady(read)) this.endings[place] = this.#end(read);
    else {
      this.#waiting = { read, place, answered: false, cancelled: false };
      this.#resume();
    }
  }

  #takeBack(): void {
    this.#waiting = undefined;
    this.#pauseIfFull();
  }

  #isReady(read: Read): boolean {
    if (this.eof || this.broken) return true;
    if (read.kind === 'read') return read.n > 0 && this.held.length > 0;
    if (read.kind === 'readExactly') return this.held.length >= read.n;
    return this.#find(read) !== undefined || this.#reach(read) > this.#limitOf(read);
  }

  #end(read: Read): Ending {
    if (this.broken) return 'broken';
    if (read.kind === 'read') return this.#give(read.n < 0 ? this.held.length : read.n);
    if (read.kind === 'readExactly') {
      if (this.held.length >= read.n) return this.#give(read.n);
      return `incomplete of ${read.n}: ${this.#give(this.held.length)}`;
    }
    const found = this.#find(read);
    const consumed = found?.start ?? this.#reach(read);
    if (consumed > this.#limitOf(read)) {
      if (read.kind === 'readLine') this.dropped += this.#take(found?.end ?? this.held.length).length;
      return `overrun at ${consumed}`;
    }
    if (found !== undefined) return this.#give(found.end);
    const rest = this.#give(this.held.length);
    return read.kind === 'readLine' ? rest : `incomplete of undefined: ${rest}`;
  }

  #limitOf(read: Read): number {
    return ('limit' in read ? read.limit : undefined) ?? this.#limit;
  }

  #separators(read: Read): readonly string[] {
    return read.kind === 'readUntil' ? read.separators : ['\n'];
  }

  /** The bytes that cannot be part of a separator still to come. */
  #reach(read: Read): number {
    return Math.max(0, this.held.length + 1 - Math.max(...this.#separators(read).map((each) => each.length)));
  }

  /** The match that ends first; of those the shortest. */
  #find(read: Read): { start: number; end: number } | undefined {
    for (let end = 1; end <= this.held.length; end++) {
      const matches = this.#separators(read).filter((each) => this.held.slice(0, end).endsWith(each));
      if (matches.length > 0) return { start: end - Math.min(...matches.map((each) => each.length)), end };
    }
    return undefined;
  }

  #give(count: number): Ending {
    const bytes = this.#take(count);
    this.given += bytes.length;
    return `gave ${JSON.stringify(bytes)}`;
  }

  #take(count: number): string {
    const bytes = this.held.slice(0, count);
    this.held = this.held.slice(count);
    if (this.held.length <= this.#limit) this.#resume();
    return bytes;
  }

  #pauseIfFull(): void {
    if (this.held.length > 2 * this.#limit && !this.eof && this.log.at(-1) !== 'pause') this.log.push('pause');
  }

  #resume(): void {
    if (this.log.at(-1) === 'pause') this.log.push('resume');
  }
}

const BROKEN = new Error('broken');

export async function checkAgainstModel({ limit, operations: steps }: ReaderCase): Promise<void> {
  const model = new Model(limit);
  const reader = new StreamReader({ limit });
  const transport = new FakeReadTransport();
  reader.setTransport(transport);
  await nextTurn(); // a turn gives 1,024 answers: this one begins with none
  const endings: Ending[] = [];
  let cancelLast = (): void => undefined;
  let fed = '';

  const begin = (read: Read): void => {
    const place = endings.push('pending') - 1;
    const controller = new AbortController();
    const busyBefore = model.endings.includes('pending');
    start(reader, read, controller.signal).then(
      (bytes) => (endings[place] = `gave ${JSON.stringify(String(bytes))}`),
      (error: unknown) => (endings[place] = describeError(error)),
    );
    if (!busyBefore) cancelLast = () => controller.abort();
  };

  for (const step of steps) {
    switch (step.kind) {
      case 'feed':
        if (!model.eof) {
          fed += step.data;
          reader.feedData(Buffer.from(step.data));
        }
        break;
      case 'feedEof':
        reader.feedEof();
        break;
      case 'setException':
        reader.setException(BROKEN);
        break;
      case 'cancel':
        cancelLast();
        break;
      case 'tick':
        await microtasks(4);
        break;
      default:
        begin(step);
    }
    model.apply(step);
    assert.equal(reader.bufferedBytes, model.held.length, `bytes held after ${step.kind}`);
    assert.equal(reader.atEof(), model.eof && model.held === '');
    assert.deepEqual(transport.log, model.log, `pause and resume after ${step.kind}`);
  }
  const last: Operation[] = [{ kind: 'tick' }, { kind: 'cancel' }, { kind: 'tick' }];
  await microtasks(4);
  model.apply(last[0] as Operation); // the three above
  cancelLast();
  model.apply({ kind: 'cancel' });
  await microtasks(4);
  assert.deepEqual(endings, model.endings);
  assert.equal(model.given + model.dropped + model.held.length, fed.length, 'the model itself lost bytes');
  if (model.broken) return;
  reader.feedEof();
  assert.equal(String(await reader.read()), model.held, 'what is left');
}

function start(reader: StreamReader, read: Read, signal: AbortSignal): Promise<Uint8Array> {
  switch (read.kind) {
    case 'read':
      return reader.read(read.n, { signal });
    case 'readExactly':
      return reader.readExactly(read.n, { signal });
    case 'readUntil':
      return reader.readUntil(read.separators, { signal, limit: read.limit });
    default:
      return reader.readLine({ signal, limit: read.limit });
  }
}

function describeError(error: unknown): Ending {
  if (error === BROKEN) return 'broken';
  if (error instanceof CancelledError) return 'cancelled';
  if (error instanceof BusyError) return 'busy';
  if (error instanceof LimitOverrunError) return `overrun at ${error.consumed}`;
  if (error instanceof IncompleteReadError) {
    return `incomplete of ${error.expected}: gave ${JSON.stringify(String(error.partial))}`;
  }
  return `unexpected: ${String(error)}`;
}
