// A program in a terminal: python3's pseudo-terminal in front of it, and xterm's own screen behind it, without a window. So
// a test sees what a user sees, after every escape sequence has had its effect.
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import headless from '@xterm/headless';
import { Program, type ProgramOptions, root } from './program.js';

/** Why nothing can run in a terminal here; false where it can. */
export const noTerminal: string | false =
  spawnSync('python3', ['-c', 'import pty']).status !== 0 && process.env['CI'] === undefined
    ? 'SKIPPED: there is no python3 with pty'
    : false;

/** How a program in a terminal ended, or that it stopped. */
export interface TerminalEnd {
  readonly code: number | null;
  readonly signal: number | null;
  /** Whether the settings of the terminal are what they were before: echo, lines, signals. */
  readonly restored: boolean;
}

/** A program in a terminal of its own. At the end of its block, it is killed if it still runs. */
export class InTerminal implements AsyncDisposable {
  readonly #program: Program;
  readonly #screen: headless.Terminal;
  /** The output that the screen has taken. */
  #taken = 0;
  #ends = 0;

  /** @param size columns and rows */
  constructor(args: readonly string[], size: readonly [columns: number, rows: number], options: ProgramOptions = {}) {
    const [columns, rows] = size;
    const helper = join(root, 'test/support/in-terminal.py');
    this.#screen = new headless.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1000 });
    this.#program = new Program([helper, String(columns), String(rows), process.execPath, ...args], {
      ...options,
      command: 'python3',
      env: { TERM: 'xterm-256color', NO_COLOR: '', ...options.env },
    });
  }

  /** All that the program has written. */
  get output(): string {
    return this.#program.stdout;
  }

  /** The lines of the screen, without blanks at their ends. */
  lines(): string[] {
    const { active } = this.#screen.buffer;
    return Array.from({ length: this.#screen.rows }, (_, row) =>
      (active.getLine(active.viewportY + row)?.translateToString(true) ?? '').trimEnd(),
    );
  }

  /** Whether it shows the alternate screen. */
  get isAlternate(): boolean {
    return this.#screen.buffer.active.type === 'alternate';
  }

  /** Whether a line has gone on in the next row, because it was wider than the screen. */
  get hasWrapped(): boolean {
    const { active } = this.#screen.buffer;
    return Array.from({ length: active.length }, (_, row) => active.getLine(row)?.isWrapped === true).includes(true);
  }

  /** Resolves with the screen's lines once they match. */
  async sees(pattern: RegExp): Promise<string[]> {
    const deadline = performance.now() + 15_000;
    for (;;) {
      await this.#takeOutput();
      const lines = this.lines();
      if (pattern.test(lines.join('\n'))) return lines;
      if (performance.now() > deadline) throw new Error(`never showed ${pattern}:\n${lines.join('\n')}`);
      await delay(20);
    }
  }

  /** Types. */
  type(text: string): void {
    this.#command({ write: text });
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows);
    this.#command({ resize: [columns, rows] });
  }

  signal(name: NodeJS.Signals): void {
    this.#command({ signal: constants.signals[name] });
  }

  /** Resolves when the program has ended, or stopped by a signal once more. */
  async ends(): Promise<TerminalEnd> {
    this.#ends++;
    const pattern = new RegExp(`(?:.*\n){${this.#ends - 1}}(\\{.*\\})\n`);
    const [, end = '{}'] = await this.#program.sees(pattern, 'stderr');
    await this.#takeOutput();
    return JSON.parse(end) as TerminalEnd; // in-terminal.py writes it
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
    this.#screen.dispose();
  }

  async #takeOutput(): Promise<void> {
    const text = this.#program.stdout.slice(this.#taken);
    this.#taken += text.length;
    await new Promise<void>((resolve) => this.#screen.write(text, resolve));
  }

  #command(command: object): void {
    this.#program.child.stdin?.write(`${JSON.stringify(command)}\n`);
  }
}
