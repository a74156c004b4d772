// A sample as it passes between processes: JSON, with each column of its tables as one text. Numbers
// one by one would be several times as long, and would take as much longer to read.
import type { Sample, SampledTables } from '../../../introspect/index.ts';

type Column = keyof SampledTables;
type Columns = new (buffer: ArrayBuffer) => SampledTables[Column];

/** What each column is made of, in the order of SampledTables. */
const COLUMNS: Readonly<Record<Column, Columns>> = {
  id: Float64Array,
  ball: Uint8Array,
  since: Float64Array,
  place: Int32Array,
  resource: Int32Array,
  unsent: Float64Array,
  visits: Float64Array,
  ran: Float64Array,
  flags: Uint8Array,
  version: Uint32Array,
};
const NAMES = Object.keys(COLUMNS) as Column[]; // of that very object

/** A sample whose columns are base64. Both processes are of one machine, and so of one byte order. */
export type PackedSample = Omit<Sample, 'tables'> & { readonly tables: Readonly<Record<Column, string>> };

export function packSample({ tables, ...rest }: Sample): PackedSample {
  const texts = NAMES.map((name) => {
    const { buffer, byteOffset, byteLength } = tables[name];
    return [name, Buffer.from(buffer, byteOffset, byteLength).toString('base64')];
  });
  return { ...rest, tables: Object.fromEntries(texts) as PackedSample['tables'] }; // of all names
}

/** Undoes `packSample`. */
export function unpackSample({ tables, ...rest }: PackedSample): Sample {
  const columns = NAMES.map((name) => {
    const bytes = Buffer.from(tables[name], 'base64');
    const copy = new Uint8Array(bytes).buffer; // a pooled buffer may begin anywhere
    return [name, new COLUMNS[name](copy)];
  });
  return { ...rest, tables: Object.fromEntries(columns) };
}
