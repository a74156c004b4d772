// Every framing as data, for tests that hold for all of them.
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { IncompleteReadError, LimitOverrunError } from 'maitre';
import {
  type FrameHeader,
  frames,
  jsonLines,
  netstrings,
  type RecordReader,
  StreamReader,
  StreamWriter,
  writeFrame,
  writeJsonLine,
  writeNetstring,
} from '#src/streams/index.js';
import { FakeWriteTransport } from '../fake-transport.js';

export interface Framing {
  readonly name: string;
  readonly records: fc.Arbitrary<unknown>;
  readonly write: (writer: StreamWriter, record: unknown) => void;
  readonly read: (reader: StreamReader) => RecordReader<unknown>;
}

const headers: readonly FrameHeader[] = [1, 2, 4, 8, 'varint'];
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));

const frameFramings: readonly Framing[] = headers.flatMap((header) =>
  [false, true].map((littleEndian) => ({
    name: `frames with header ${header}${littleEndian ? ', little-endian' : ''}`,
    records: bytes,
    write: (writer: StreamWriter, record: unknown) => writeFrame(writer, record as Buffer, { header, littleEndian }), // by records
    read: (reader: StreamReader) => frames(reader, { header, littleEndian, maxLength: 1000 }),
  })),
);

export const framings: readonly Framing[] = [
  ...frameFramings,
  {
    name: 'netstrings',
    records: bytes,
    write: (writer, record) => writeNetstring(writer, record as Buffer), // by records
    read: (reader) => netstrings(reader, { maxLength: 1000 }),
  },
  {
    name: 'JSON lines',
    records: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown), // without -0
    write: writeJsonLine,
    read: (reader) => jsonLines(reader, { maxLength: 100_000 }),
  },
];

/** What the framing writes, as one piece. */
export async function encode(write: (writer: StreamWriter) => void): Promise<Buffer> {
  const transport = new FakeWriteTransport();
  transport.takesAtOnce = true;
  const pieces: Buffer[] = [];
  transport.write = (chunks) => {
    for (const chunk of chunks) pieces.push(Buffer.from(chunk as string)); // from() takes both
    return true;
  };
  const writer = new StreamWriter(transport);
  write(writer);
  await new Promise((resolve) => void setImmediate(resolve));
  return Buffer.concat(pieces);
}

/** A reader that was fed all of `chunks` and the end. */
export function fed(...chunks: readonly (string | Uint8Array)[]): StreamReader {
  const reader = new StreamReader();
  for (const chunk of chunks) reader.feedData(Buffer.from(chunk as string)); // from() takes both
  reader.feedEof();
  return reader;
}

/** The records up to the end, and the error that came instead of it, if any. */
export async function readAll(records: RecordReader<unknown>): Promise<{ got: unknown[]; error: unknown }> {
  const got: unknown[] = [];
  try {
    for await (const record of records) got.push(record);
  } catch (error) {
    return { got, error };
  }
  return { got, error: undefined };
}

/** The errors that the framings document for what a peer may send. */
export function isDocumented(error: unknown): boolean {
  return error instanceof IncompleteReadError || error instanceof LimitOverrunError || error instanceof SyntaxError;
}
