// `maitre worker FILE`: how it is called. worker-file.ts does it.
import type { Command } from './command.ts';
import { WORKER_OPTIONS } from './worker-options.ts';

const POSITIONALS = [{ name: 'FILE', needs: 'a FILE that exports functions', completion: 'files' }] as const;

export const command: Command<typeof WORKER_OPTIONS, typeof POSITIONALS> = {
  positionals: POSITIONALS,
  options: WORKER_OPTIONS,
  notes: `Jobs call the exported functions of FILE, by its name without the extension, and nothing else.
It needs the packages bullmq and ioredis. All workers of a queue must have the same --lock.
.ts files run as they are on Node 22.18 or later, Bun and Deno; older Node needs tsx installed.`,
  async run(values, [file]) {
    const { workerFile } = await import('./worker-file.ts');
    return workerFile(file, values);
  },
};
