// A haproxy of the tests' own, in front of servers of theirs.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { Folder, Program } from './program.js';

/** Why there is no haproxy here; undefined where there is one. */
export const noHaproxy: string | undefined = ((): string | undefined => {
  try {
    execFileSync('haproxy', ['-v'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    if (process.env['CI'] === 'true') throw new Error('There is no haproxy here: install haproxy', { cause: error });
    return 'SKIPPED: there is no haproxy (Debian: apt install haproxy)';
  }
})();

/** A port below those that the system hands out to clients, which nobody has now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => void probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

/** Balances connections over `ports`, and tells the servers by the PROXY protocol who the clients are. */
export class Haproxy implements AsyncDisposable {
  readonly port: number;
  readonly #program: Program;
  readonly #folder: Folder;

  private constructor(port: number, program: Program, folder: Folder) {
    this.port = port;
    this.#program = program;
    this.#folder = folder;
  }

  static async start(ports: readonly number[]): Promise<Haproxy> {
    const folder = new Folder();
    const port = await freePort();
    const file = folder.write(
      'haproxy.cfg',
      [
        'defaults',
        '  mode tcp',
        '  timeout connect 2s',
        '  timeout client 60s',
        '  timeout server 60s',
        '  retries 3',
        '  option redispatch 1',
        'listen chat',
        `  bind 127.0.0.1:${port}`,
        '  balance leastconn',
        ...ports.map((each, i) => `  server s${i} 127.0.0.1:${each} send-proxy-v2 check inter 200ms fall 2 rise 1`),
        '',
      ].join('\n'),
    );
    const program = new Program(['-f', file, '-db'], { command: 'haproxy' });
    return new Haproxy(port, program, folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}
