// The handler that scripts/soak.mjs has `maitre serve` run: sends every line back, and notes how many lines it took of each
// client, whose number a line begins with. At the end of the process the notes go to the file named by SOAK_NOTES.
// The line `?` is answered with what the process holds; `? gc` with what is alive in its memory.

import { writeFileSync } from 'node:fs';
import { allTasks } from '../dist/index.node.js';
import { measureLive } from './soak-memory.mjs';

const NEWLINE = 10;
const QUESTION = 63;

/** Lines taken, by client. Of a fixed size, as all that this file holds: the soak watches for what grows. */
const taken = new Uint32Array(1 << 18);
let handlers = 0;

process.on('exit', () => {
  if (process.env.SOAK_NOTES) writeFileSync(process.env.SOAK_NOTES, taken);
});

export default async function echo(reader, writer) {
  handlers++;
  try {
    for await (const line of reader) {
      if (line.at(-1) !== NEWLINE) return; // the stream ended inside a line
      if (line[0] === QUESTION) writer.write(`${JSON.stringify(await answer(String(line)))}\n`);
      else {
        taken[Number(line.toString('latin1', 0, line.indexOf(32)))]++;
        writer.write(line);
      }
      await writer.drain();
    }
  } finally {
    handlers--;
  }
}

function answer(question) {
  return question === '? gc\n' ? measureLive() : { handlers, tasks: allTasks().size };
}
