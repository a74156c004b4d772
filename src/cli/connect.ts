// `maitre connect HOST:PORT | PATH [--tls]`: how it is called. line-client.ts does it.
import type { Command } from './command.ts';

const OPTIONS = {
  tls: { type: 'flag', help: "speak TLS, and verify the server's certificate for HOST" },
} as const;

const POSITIONALS = [{ name: 'HOST:PORT|PATH', needs: 'a HOST:PORT or PATH', completion: 'files' }] as const;

export const command: Command<typeof OPTIONS, typeof POSITIONALS> = {
  positionals: POSITIONALS,
  options: OPTIONS,
  notes: `The end of the input half-closes the connection, except over TLS; the server's end ends the command.
A target with a slash is the path of a Unix socket.`,
  async run({ tls }, [target]) {
    const { connect } = await import('./line-client.ts');
    return connect(target, tls);
  },
};
