// Transports that do what a test says, and write down what they were told.
import { Buffer } from 'node:buffer';
import type { ReadTransport, WriteTransport } from '#src/streams/index.js';

/** The reading side: a log of `pause` and `resume`. */
export class FakeReadTransport implements ReadTransport {
  readonly log: ('pause' | 'resume')[] = [];
  /** Called at the end of resumeReading. */
  onResume: () => void = () => undefined;

  get paused(): boolean {
    return this.log.at(-1) === 'pause';
  }

  pauseReading(): void {
    this.log.push('pause');
  }

  resumeReading(): void {
    this.log.push('resume');
    this.onResume();
  }
}

/** The writing side: each write as one text in `log`, beside `eof`, `close` and `abort`. */
export class FakeWriteTransport implements WriteTransport {
  readonly log: string[] = [];
  /** The sizes that the writer gave with its writes. */
  readonly sizes: number[] = [];
  /** The chunks of the last write, as they came. */
  chunks: readonly (string | Uint8Array)[] = [];
  /** What write() returns: whether the system takes all at once. */
  takesAtOnce = false;
  halfCloses = true;

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    this.chunks = chunks;
    this.sizes.push(bytes);
    this.log.push(String(Buffer.concat(chunks.map((chunk) => Buffer.from(chunk as string))))); // from() takes both
    return this.takesAtOnce;
  }

  writeEof(): void {
    this.log.push('<eof>');
  }

  canWriteEof(): boolean {
    return this.halfCloses;
  }

  close(): void {
    this.log.push('<close>');
  }

  abort(): void {
    this.log.push('<abort>');
  }

  getExtraInfo(name: string): unknown {
    return name === 'peername' ? 'the peer' : undefined;
  }
}
