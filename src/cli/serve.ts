// `maitre serve FILE`: how it is called. serve-file.ts does it.
import type { Command } from './command.ts';
import { SERVE_OPTIONS } from './serve-options.ts';

const POSITIONALS = [{ name: 'FILE', needs: 'a FILE that exports a handler', completion: 'files' }] as const;

export const command: Command<typeof SERVE_OPTIONS, typeof POSITIONALS> = {
  positionals: POSITIONALS,
  options: SERVE_OPTIONS,
  notes: `Without --host, --port, --path and --fd, it listens on the sockets that systemd hands over, if any.
FILE exports by default: async (reader, writer, connection) => { ... }
.ts files run as they are on Node 22.18 or later, Bun and Deno; older Node needs tsx installed.`,
  async run(values, [file], { given }) {
    const { serveFile } = await import('./serve-file.ts');
    return serveFile(file, values, given);
  },
};
