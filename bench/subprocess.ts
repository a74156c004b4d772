// A program that writes 100 MiB and ends: communicate(), and its pipe read in chunks.
import { run } from 'maitre';
import { createSubprocessExec } from 'maitre/subprocess';
import { measureBatches } from './per-operation.ts';

const BYTES = 100 * 1024 * 1024;

async function communicate(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await using program = await createSubprocessExec('head', ['-c', String(BYTES), '/dev/zero'], { stdout: 'pipe' });
    const { stdout } = await program.communicate(undefined, { maxOutput: Infinity });
    if (stdout?.length !== BYTES) throw new Error(`read ${stdout?.length} bytes`);
  }
}

async function chunks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await using program = await createSubprocessExec('head', ['-c', String(BYTES), '/dev/zero'], { stdout: 'pipe' });
    const all: Buffer[] = [];
    for await (const chunk of program.stdout?.chunks() ?? []) all.push(chunk);
    await program.wait();
    if (all.reduce((sum, { length }) => sum + length, 0) !== BYTES) throw new Error('bytes are missing');
  }
}

await run(() => measureBatches({ communicate, chunks }, 1));
