// systemd's end of NOTIFY_SOCKET, in a few lines of Python: prints each message as a line of JSON. BARRIER=1 of
// systemd-notify is answered, as systemd does, by closing the descriptor that comes with it.
import { missing } from '../net/programs.js';
import { Program } from './program.js';

const LISTENER = `
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
path = sys.argv[1]
s.bind('\\0' + path[1:] if path.startswith('@') else path)
print('listening', flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(s, 65536, 4)
    for fd in fds: os.close(fd)
    if data != b'BARRIER=1': print(json.dumps(data.decode().split('\\n')), flush=True)
`;

/** Why tests with a listener are skipped. */
export const noListener: string | false = missing('python3');
export const noSystemdNotify: string | false = missing('systemd-notify') || noListener;

/** What arrives on a NOTIFY_SOCKET. */
export class SystemdListener implements AsyncDisposable {
  readonly path: string;
  readonly #program: Program;

  private constructor(path: string) {
    this.path = path;
    this.#program = new Program(['-c', LISTENER, path], { command: 'python3' });
  }

  static async open(path: string): Promise<SystemdListener> {
    const listener = new SystemdListener(path);
    await listener.#program.sees(/^listening\n/);
    return listener;
  }

  /** All messages so far, each as its lines. */
  get messages(): string[][] {
    const lines = this.#program.stdout.split('\n').slice(1, -1);
    return lines.map((line) => JSON.parse(line) as string[]);
  }

  /** Waits for a message with a line that matches, and returns the message. */
  async sees(pattern: RegExp): Promise<string[]> {
    for (let from = 0; ;) {
      const found = this.messages.find((message) => message.some((line) => pattern.test(line)));
      if (found !== undefined) return found;
      const count = this.messages.length;
      if (count === from) await this.#program.sees(new RegExp(`^(?:.*\\n){${count + 2}}`));
      from = this.messages.length;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
