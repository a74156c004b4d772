// The handler that scripts/soak.mjs has `maitre serve` run: sends every line back, and notes how many of each client's lines
// it took. At the end of the process the notes go to the file named by SOAK_NOTES.

import { writeFileSync } from 'node:fs';

const taken = new Map();

process.on('exit', () => {
  if (process.env.SOAK_NOTES) writeFileSync(process.env.SOAK_NOTES, JSON.stringify(Object.fromEntries(taken)));
});

export default async function echo(reader, writer) {
  for await (const line of reader) {
    if (line.at(-1) !== 10) return; // the stream ended inside a line
    const id = line.toString('latin1', 0, line.indexOf(32));
    taken.set(id, (taken.get(id) ?? 0) + 1);
    writer.write(line);
    await writer.drain();
  }
}
