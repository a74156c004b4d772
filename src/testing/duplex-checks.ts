// The promises of every Duplex, as checks: order, flow control, ends, cancellation, loss.
// check-duplex.ts runs them. trio: `check_two_way_stream`, `check_half_closeable_stream`.
//
// - Checks wait for what must come, never for a time: they cannot know how fast a system moves
//   bytes. Nor can they know how much a system buffers, so `fill` writes until the peer takes no
//   more.
// - Checks may leave tasks waiting and ends open. The runner ends both.
import { BusyError, CancelledError, ConnectionLostError, InvalidStateError, sleep, type Task } from '../core/index.ts';
import type { Duplex, StreamReader, StreamWriter } from '../streams/index.ts';
import { errorOf, expect, expectError, until } from './expect.ts';

/**
 * Starts a task that runs beside the check, up to its first wait. Where the check cancels the task,
 * its wait needs the signal: browsers have no other way from a task to its waits.
 */
export type Start = <T>(fn: (task: Task<T>) => Promise<T>) => Task<T>;
/** Checks one fresh pair. Throws if something is wrong with it. */
export type Check = (pair: readonly [Duplex, Duplex], start: Start) => Promise<void>;

const HIGH_WATER = 65_536;
const LOW_WATER = 16_384;
/** The bytes that `fill` writes at a time. A loopback TCP connection buffers about 4 MiB. */
const PIECE = 1_048_576;
const FILL_AT_MOST = 32 * PIECE;
/** More than any single buffer holds. */
const MUCH = 6 * PIECE;
/**
 * The bytes that may be in transit to a reader that has just paused its transport: the largest
 * write of a writer.
 */
const ON_ITS_WAY = 262_144;

/** Every check by its name, which is the claim that holds if it passes. */
export const checks: Readonly<Record<string, Check>> = {
  async 'bytes arrive in order, both ways'([a, b]) {
    a.writer.write(pattern(0, 10));
    a.writer.write('');
    a.writer.write(pattern(10, 90));
    b.writer.writelines(['ä€', new Uint8Array([0xf0, 0x9f]), new Uint8Array([0x98, 0x80]), '\n']);
    await receive(b.reader, 100);
    expect(String(await a.reader.readLine()) === 'ä€😀\n', 'text and bytes mixed did not arrive as written');
    for (let at = 0; at < 1000; at++) a.writer.write(pattern(at, 1));
    await receive(b.reader, 1000);
    expect(a.writer.bytesWritten === 1100, `bytesWritten is ${a.writer.bytesWritten}, not 1100`);
  },

  async 'both ends write much at once'([a, b], start) {
    const senders = [start(() => send(a.writer, MUCH)), start(() => send(b.writer, MUCH))];
    const receivers = [start(() => receive(a.reader, MUCH)), start(() => receive(b.reader, MUCH))];
    for (const task of [...senders, ...receivers]) await task;
  },

  async 'one write of any length arrives'([a, b]) {
    a.writer.write(pattern(0, MUCH));
    await receive(b.reader, MUCH);
  },

  async 'readExactly of more than the limits does not deadlock'([a, b], start) {
    const sender = start(() => send(a.writer, MUCH));
    const size = Math.max(PIECE, 4 * b.reader.limit);
    checkPattern(await b.reader.readExactly(size), 0);
    await receive(b.reader, MUCH - size, size);
    await sender;
  },

  async 'a second reader gets BusyError, and the first one its bytes'([a, b], start) {
    const first = start(() => b.reader.readExactly(10));
    for (const read of [() => b.reader.read(1), () => b.reader.readLine(), () => b.reader.readExactly(1)]) {
      expectError(await errorOf(read()), BusyError, 'a second read');
    }
    a.writer.write(pattern(0, 10));
    checkPattern(await first, 0);
  },

  async 'a cancelled read loses nothing'([a, b], start) {
    const count = 100;
    const size = 10;
    let at = 0;
    for (let round = 0; round < count; round++) {
      let got: Uint8Array | undefined;
      const read = start(async ({ signal }) => {
        got = await b.reader.readExactly(size, { signal });
      });
      if (round % 2 === 0) await sleep(0);
      a.writer.write(pattern(round * size, size));
      for (let turn = 0; turn < round % 7; turn++) await sleep(0);
      read.cancel();
      const error = await errorOf(read);
      if (error !== undefined) expectError(error, CancelledError, 'a cancelled read');
      if (got === undefined) continue;
      checkPattern(got, at);
      at += size;
    }
    await receive(b.reader, count * size - at, at);
  },

  async 'drain waits above the high-water mark until the other end reads'([a, b], start) {
    let written = 0;
    let drain: Task<void>;
    do {
      written = await fill(a.writer, written);
      drain = start(() => a.writer.drain());
      await standsStill(a.writer);
      // A busy system may take bytes late, after they stood still. Then there is room for more.
    } while (drain.done() && a.writer.bufferedBytes <= LOW_WATER);
    const unsent = (): string => `drain ended with ${a.writer.bufferedBytes} bytes unsent`;
    expect(!drain.done(), unsent());
    await receive(b.reader, written);
    await drain;
    expect(a.writer.bufferedBytes <= LOW_WATER, unsent());
  },

  async 'an end that does not read is not flooded, and goes on when it reads'([a, b]) {
    const written = await fill(a.writer);
    const bound = 2 * b.reader.limit + ON_ITS_WAY;
    expect(b.reader.bufferedBytes <= bound, `the reader holds ${b.reader.bufferedBytes} bytes, more than ${bound}`);
    a.writer.write(pattern(written, PIECE));
    await receive(b.reader, written + PIECE);
  },

  async 'bufferedBytes falls while the other end reads'([a, b]) {
    let count = await fill(a.writer);
    for (let more = 0; more < 12; more++, count += PIECE) a.writer.write(pattern(count, PIECE));
    const before = a.writer.bufferedBytes;
    let between = false;
    for (let at = 0; at < count; at += 16_384) {
      await receive(b.reader, 16_384, at);
      const now = a.writer.bufferedBytes;
      if (now > 0 && now < before) between = true;
    }
    expect(between, `bufferedBytes fell from ${before} to 0 in one step`);
  },

  async 'any number of tasks may drain'([a, b], start) {
    const written = await fill(a.writer);
    const drains = Array.from({ length: 5 }, () => start(() => a.writer.drain()));
    await receive(b.reader, written);
    for (const drain of drains) await drain;
  },

  async 'a cancelled drain leaves the stream usable'([a, b], start) {
    const written = await fill(a.writer);
    const cancelled = start(({ signal }) => a.writer.drain({ signal }));
    const other = start(() => a.writer.drain());
    cancelled.cancel();
    expectError(await errorOf(cancelled), CancelledError, 'a cancelled drain');
    expect(!other.done(), 'the cancel of one drain ended another');
    a.writer.write(pattern(written, PIECE));
    await receive(b.reader, written + PIECE);
    await other;
  },

  async 'the end is read again and again after what was written'([a, b]) {
    a.writer.write(pattern(0, 10));
    a.writer.close();
    await receive(b.reader, 10);
    for (let time = 0; time < 3; time++) await expectEnd(b.reader);
    expect(b.reader.atEof(), 'atEof() is false at the end');
  },

  async 'close wakes the read of the other end'([a, b], start) {
    const read = start(() => b.reader.read(10));
    await a.close();
    expect((await read).length === 0, 'the waiting read got bytes, not the end');
  },

  async 'close ends the own waiting read'([a], start) {
    const read = start(() => a.reader.read(10));
    await a.close();
    expect((await read).length === 0, 'the waiting read got bytes, not the end');
    await expectEnd(a.reader);
  },

  async 'close does not wait for the other end, and can be called again'([a, b]) {
    expect(!a.writer.isClosing(), 'isClosing() is true before close');
    const first = a.close();
    expect(a.writer.isClosing(), 'isClosing() is false after close');
    await Promise.all([first, a.close()]);
    await a.close();
    a.writer.close();
    expect(a.error === undefined, `a clean close left the error ${String(a.error)}`);
    await b.close();
  },

  async 'both ends may close at once'([a, b], start) {
    const closing = [start(() => a.close()), start(() => b.close())];
    for (const task of closing) await task;
  },

  async 'a cancelled close still closes'([a, b], start) {
    const close = start(({ signal }) => a.close({ signal }));
    close.cancel();
    await errorOf(close); // cancelled, or done before that
    await a.writer.waitClosed();
    await expectEnd(b.reader);
  },

  async 'await using closes'([a, b]) {
    {
      await using end = a;
      end.writer.write(pattern(0, 10));
    }
    await a.writer.waitClosed();
    await receive(b.reader, 10);
    await expectEnd(b.reader);
  },

  async 'what was written before close arrives'([a, b], start) {
    a.writer.write(pattern(0, MUCH));
    const close = start(() => a.close());
    await receive(b.reader, MUCH);
    await expectEnd(b.reader);
    await close;
  },

  async 'what was written before close arrives also when this end has not read all'([a, b], start) {
    b.writer.write(pattern(0, 300_000));
    await until(() => a.reader.bufferedBytes > 0);
    a.writer.write(pattern(0, MUCH));
    const close = start(() => a.close());
    await receive(b.reader, MUCH);
    await errorOf(b.reader.read(1)); // the end, or the loss of what this end wrote and the peer never read
    b.abort();
    await close;
  },

  async 'a write after close is dropped, and the next drain rejects'([a, b]) {
    a.writer.write(pattern(0, 10));
    a.writer.close();
    await a.writer.drain();
    a.writer.write('dropped');
    expectError(await errorOf(a.writer.drain()), ConnectionLostError, 'drain after a write after close');
    await receive(b.reader, 10);
    await expectEnd(b.reader);
    await a.close();
    a.writer.write('dropped');
  },

  async 'writeEof ends one direction, the other goes on'([a, b], start) {
    if (!a.writer.canWriteEof()) {
      expectError(await errorOf(() => a.writer.writeEof()), InvalidStateError, 'writeEof without canWriteEof');
      a.writer.write(pattern(0, 10));
      await receive(b.reader, 10);
      return;
    }
    a.writer.write(pattern(0, MUCH));
    a.writer.writeEof();
    a.writer.writeEof();
    expectError(await errorOf(() => a.writer.write('late')), InvalidStateError, 'write after writeEof');
    await receive(b.reader, MUCH);
    await expectEnd(b.reader);
    const sender = start(() => send(b.writer, MUCH));
    await receive(a.reader, MUCH);
    await sender;
    await a.writer.drain();
    await b.close();
    await expectEnd(a.reader);
    await a.close();
  },

  async 'abort ends the reads of both ends and waitClosed'([a, b], start) {
    const reads = [start(() => a.reader.read(1)), start(() => b.reader.read(1))];
    const closed = start(() => a.writer.waitClosed());
    a.abort();
    a.abort();
    expect(a.writer.isClosing(), 'isClosing() is false after abort');
    await closed;
    for (const read of reads) {
      const error = await errorOf(read);
      expect(error !== undefined || read.result().length === 0, 'a read got bytes from an aborted connection');
    }
    await a.close();
  },

  async 'drain rejects after abort with unsent bytes'([a], start) {
    await fill(a.writer);
    const waiting = [start(() => a.writer.drain()), start(() => a.writer.drain())];
    a.abort();
    for (const drain of waiting) expectError(await errorOf(drain), ConnectionLostError, 'a waiting drain');
    expectError(await errorOf(a.writer.drain()), ConnectionLostError, 'drain');
    await a.writer.waitClosed();
    expectError(await errorOf(a.writer.drain()), ConnectionLostError, 'drain');
    expect(a.writer.bufferedBytes === 0, `${a.writer.bufferedBytes} bytes are still unsent after abort`);
  },

  async 'drain rejects once the other end was closed'([a, b]) {
    await b.close();
    expectError(await writeUntilError(a.writer), ConnectionLostError, 'drain');
    expectError(await errorOf(a.writer.drain()), ConnectionLostError, 'drain');
  },

  async 'drain rejects once the other end was aborted'([a, b]) {
    b.abort();
    expectError(await writeUntilError(a.writer), ConnectionLostError, 'drain');
  },

  async 'a waiting drain rejects when the other end is aborted'([a, b], start) {
    await fill(a.writer);
    const drain = start(() => a.writer.drain());
    b.abort();
    expectError(await errorOf(drain), ConnectionLostError, 'a waiting drain');
    await a.writer.waitClosed();
  },

  async 'a waiting drain does not outlast the close of an end that never read'([a, b], start) {
    await fill(a.writer);
    const drain = start(() => a.writer.drain());
    await b.close();
    const error = await errorOf(drain);
    if (error !== undefined) expectError(error, ConnectionLostError, 'a waiting drain');
  },

  async 'waitClosed resolves for all who wait, before, during and after close'([a, b], start) {
    const before = [start(() => a.writer.waitClosed()), start(() => a.writer.waitClosed())];
    const cancelled = start(({ signal }) => a.writer.waitClosed({ signal }));
    cancelled.cancel();
    expectError(await errorOf(cancelled), CancelledError, 'a cancelled waitClosed');
    expect(
      !before.some((task) => task.done()) && !a.writer.isClosing(),
      'waitClosed ended or closed an open connection',
    );
    a.writer.write(pattern(0, 10));
    a.writer.close();
    const during = start(() => a.writer.waitClosed());
    await during;
    for (const task of before) await task;
    await a.writer.waitClosed();
    await receive(b.reader, 10);
  },
};

// ---- what checks are made of -----------------------------------------------------------------------------------

/** Returns `count` bytes whose values tell their positions in the stream, from position `at` on. */
function pattern(at: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let index = 0; index < count; index++) bytes[index] = byteAt(at + index);
  return bytes;
}

function checkPattern(bytes: Uint8Array, at: number): void {
  for (let index = 0; index < bytes.length; index++) {
    const expected = byteAt(at + index);
    if (bytes[index] !== expected) throw new Error(`byte ${at + index} is ${bytes[index]}, not ${expected}`);
  }
}

function byteAt(at: number): number {
  return (at ^ (at >> 8) ^ (at >> 16)) & 255;
}

async function send(writer: StreamWriter, count: number): Promise<void> {
  for (let at = 0; at < count; at += PIECE / 8) {
    writer.write(pattern(at, Math.min(PIECE / 8, count - at)));
    await writer.drain();
  }
}

/** Reads `count` bytes and checks that they are those from position `at` on. */
async function receive(reader: StreamReader, count: number, at = 0): Promise<void> {
  for (const end = at + count; at < end;) {
    const bytes = await reader.read(end - at);
    expect(bytes.length > 0, `the stream ended after ${at} bytes, not ${end}`);
    checkPattern(bytes, at);
    at += bytes.length;
  }
}

/**
 * Writes to an end whose peer does not read, until that end takes no more. Returns how many bytes
 * it took, with the `from` that it took before.
 */
async function fill(writer: StreamWriter, from = 0): Promise<number> {
  for (let written = from; written < FILL_AT_MOST;) {
    writer.write(pattern(written, PIECE));
    written += PIECE;
    if ((await standsStill(writer)) > HIGH_WATER) return written;
  }
  throw new Error(`${FILL_AT_MOST} bytes were taken though nobody read them`);
}

/** Returns the number of unsent bytes once it has stopped changing, or is 0. */
async function standsStill(writer: StreamWriter): Promise<number> {
  let before = writer.bufferedBytes;
  for (let still = 0; still < 20 && before > 0; still++) {
    await sleep(1);
    if (writer.bufferedBytes !== before) still = 0;
    before = writer.bufferedBytes;
  }
  return before;
}

/** Writes little by little until drain rejects. The system decides how soon a loss shows. */
async function writeUntilError(writer: StreamWriter): Promise<unknown> {
  for (;;) {
    writer.write(pattern(0, 1000));
    const error = await errorOf(writer.drain());
    if (error !== undefined) return error;
    await sleep(1);
  }
}

async function expectEnd(reader: StreamReader): Promise<void> {
  const bytes = await reader.read(1);
  expect(bytes.length === 0, 'a read got bytes, not the end');
}
