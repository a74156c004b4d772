// The terminal while a view redraws itself: the alternate screen, without cursor and wrapping, and
// keys as they are pressed. Whatever ends the process gives the terminal back first: the end of the
// block, an error that nobody catches, SIGTERM and Ctrl-C (which maitre's run() turns into an
// exit), SIGHUP and SIGQUIT. Only SIGKILL cannot be helped: `reset` can.
//
// Compared with libraries: Ink 8 has more than 20 direct dependencies, React and a layout engine
// among them; terminal-kit has eight, for images and documents; neo-blessed 0.2 is a fork of
// blessed 0.1, and both come with a widget toolkit. What `top` needs of them is this file.
//
// States: SHOWN and HIDDEN, `enter` and `leave` pass between them, both do nothing twice. HIDDEN
// again while Ctrl-Z has stopped the process.
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { colouredLine, ESCAPE_AFTER, KeyReader, type Line, plainLine } from '../console/index.ts';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
/** A terminal that knows synchronized output shows a frame at once; the others ignore the two. */
const BEGIN_FRAME = '\x1b[?2026h';
const END_FRAME = '\x1b[?2026l';

/** Signals that end the process without the event `exit`, unless somebody listens. */
const FATAL = ['SIGHUP', 'SIGQUIT'] as const;

export class Screen implements Disposable {
  readonly #coloured: boolean;
  readonly #onKeys: (keys: readonly string[]) => void;
  readonly #keys = new KeyReader();
  /** Set while a key has begun that may go on. */
  #escape: NodeJS.Timeout | undefined;
  readonly #onResize: () => void;
  #shown = false;
  /** Whether the terminal was given back for good. */
  #over = false;
  /** What each row shows; empty where that is not known. */
  #rows: string[] = [];

  /**
   * @param onKeys receives the keys that were pressed
   * @param onResize is called after the size changed, and when the screen is there again
   */
  constructor(coloured: boolean, onKeys: (keys: readonly string[]) => void, onResize: () => void) {
    this.#coloured = coloured;
    this.#onKeys = onKeys;
    this.#onResize = onResize;
    process.on('exit', this.#leave);
    process.on('uncaughtExceptionMonitor', this.#leave); // before the error is printed
    for (const name of FATAL) process.on(name, this.#end);
    process.on('SIGCONT', this.#continue);
    process.stdout.on('resize', this.#resized);
    process.stdin.on('data', this.#typed);
    this.#enter();
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = process.stdout;
    return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
  }

  /** Shows lines, of which only those are written that differ from what is there. */
  draw(lines: readonly Line[]): void {
    if (!this.#shown) return;
    let frame = '';
    for (const [index, each] of lines.entries()) {
      const text = this.#coloured ? colouredLine(each).trimEnd() : plainLine(each);
      if (this.#rows[index] === text) continue;
      frame += `\x1b[${index + 1};1H\x1b[K${text}`;
      this.#rows[index] = text;
    }
    if (frame !== '') process.stdout.write(`${BEGIN_FRAME}${frame}${END_FRAME}`);
  }

  /** Forgets what the rows show: the next draw writes all of them. */
  forget(): void {
    this.#rows = [];
    if (this.#shown) process.stdout.write('\x1b[2J');
  }

  /**
   * Stops the process as Ctrl-Z does, with the terminal given back. SIGCONT brings it back, and so
   * does a timer: without a shell that could continue the process, the system ignores the signal.
   */
  suspend(): void {
    this.#leave();
    process.kill(process.pid, 'SIGTSTP');
    setTimeout(this.#continue, 200);
  }

  /** Gives the terminal back for good. Keys are no longer read. */
  [Symbol.dispose](): void {
    this.#over = true;
    this.#leave();
    process.off('exit', this.#leave);
    process.off('uncaughtExceptionMonitor', this.#leave);
    for (const name of FATAL) process.off(name, this.#end);
    process.off('SIGCONT', this.#continue);
    process.stdout.off('resize', this.#resized);
    process.stdin.off('data', this.#typed);
    clearTimeout(this.#escape);
    process.stdin.pause();
    process.stdin.unref?.();
  }

  #enter(): void {
    if (this.#shown) return;
    this.#shown = true;
    this.#rows = [];
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    writeNow(ENTER);
  }

  readonly #leave = (): void => {
    if (!this.#shown) return;
    this.#shown = false;
    writeNow(LEAVE);
    try {
      if (process.stdin.isTTY) process.stdin.setRawMode(false);
    } catch {
      // The terminal has gone.
    }
  };

  readonly #continue = (): void => {
    if (this.#shown || this.#over) return;
    this.#enter();
    this.#onResize();
  };

  readonly #resized = (): void => {
    this.forget();
    this.#onResize();
  };

  readonly #typed = (chunk: Buffer): void => {
    clearTimeout(this.#escape);
    const keys = this.#keys.read(chunk);
    if (this.#keys.isWaiting) this.#escape = setTimeout(() => this.#onKeys(this.#keys.flush()), ESCAPE_AFTER);
    if (keys.length > 0) this.#onKeys(keys);
  };

  readonly #end = (name: NodeJS.Signals): void => {
    this.#leave();
    process.exit(128 + constants.signals[name]);
  };
}

/** Writes at once, because the process may end right after it. */
function writeNow(text: string): void {
  try {
    writeSync(1, text);
  } catch {
    // The terminal has gone, or takes nothing more.
  }
}
