// `maitre serve FILE`: how it is called. serve-file.ts does it.
import { setting } from '../hosts/node/index.ts';
import type { Command } from './command.ts';
import { SERVE_OPTIONS } from './serve-options.ts';

const POSITIONALS = [{ name: 'FILE', needs: 'a FILE that exports a handler', completion: 'files' }] as const;

/**
 * The words of MAITRE_INSPECT, which `--inspect` serves itself. Has to come before the library is loaded: that would start
 * an inspector of its own.
 */
function takeWords(): string[] {
  const words = (setting('MAITRE_INSPECT') ?? '').split(',');
  delete process.env['MAITRE_INSPECT'];
  return words;
}

export const command: Command<typeof SERVE_OPTIONS, typeof POSITIONALS> = {
  positionals: POSITIONALS,
  options: SERVE_OPTIONS,
  notes: `Without --host, --port, --path and --fd, it listens on the sockets that systemd hands over, if any.
FILE exports by default: async (reader, writer, connection) => { ... }
With workers, SIGHUP reloads FILE, and FILE may start its servers by itself instead of exporting.
An object with fetch, such as a Hono app, is served over HTTP; so are Express and Fastify apps.
.ts files run as they are on Node 22.18 or later, Bun and Deno; older Node needs tsx installed.`,
  async run(values, [file], { given }) {
    const words = values.inspect ? takeWords() : [];
    const { serveFile } = await import('./serve-file.ts');
    return serveFile(file, values, { given, words });
  },
};
