// What `maitre top` does. One task asks, again and again; another draws, whenever there is an
// answer, a key, a new size, or a second has passed without an answer.
//
// The questions bound what they cost the process: the next one comes not before 33 times what the
// last one cost its main thread, so that at most 3 % of its time goes into answers. The process says
// what it was; where it does not, all of the time until the answer counts. The last line shows both.
import { press, START, topScreen, topTotal, type TopData, type TopState } from '../console/index.ts';
import { CancelledError, Event, moveOnAfter, sleep, TaskGroup } from '../index.node.ts';
import { answerOf, troubleOf, withProcess } from './ask.ts';
import { type InspectClient, NoAnswerError, RefusedError } from './inspect-client.ts';
import { knownOf, type Target } from './inspect-target.ts';
import { print, standardOutput } from './print.ts';
import { Screen } from './screen.ts';
import { jsonLine } from './serve-json.ts';

export interface TopOptions {
  readonly sort: TopState['sort'];
  readonly filter: string;
  /** Milliseconds between two questions, at least. */
  readonly every: number;
  readonly json: boolean;
}

/** The part of its time, as its inverse, that a process may spend on answers. */
const COST = 33;
/** Milliseconds without an answer after which that is shown. */
const SILENT_AFTER = 1500;
/** Milliseconds for an answer, before the question is asked again. */
const PATIENCE = 30_000;
/** Clients that are asked for, for a screen of unknown size. */
const ROWS = 1000;

/** Shows the process until the user quits; or one picture, where there is no terminal. */
export function top(target: string | undefined, options: TopOptions): Promise<number> {
  const state: TopState = { ...START, sort: options.sort, filter: options.filter };
  return withProcess(target, async (client, at) => {
    if (process.stdout.isTTY && !options.json) return await new Top(client, at, state, options.every).run();
    const data = await answerOf(at, askAll(client, state, ROWS));
    const { COLUMNS, LINES } = process.env;
    if (options.json) {
      process.stdout.write(`${jsonLine({ groups: data.groups, connections: data.connections })}\n`);
    } else {
      const size = { columns: Number(COLUMNS) || 80, rows: Number(LINES) || 24 };
      print(topScreen(state, { ...data, every: 0 }, size).lines.slice(0, -1));
    }
    return 0;
  });
}

class Top {
  readonly #client: InspectClient;
  readonly #target: Target;
  readonly #every: number;
  #state: TopState;
  #data: TopData;
  /** When the open question was asked; undefined for none. */
  #askedAt: number | undefined = undefined;
  /** Rows of the table that fit. */
  #page = 1;
  /** Set when the next question is due now. */
  #due = new Event();
  readonly #quit = new Event();
  /** Why it cannot go on; undefined if it can. */
  #failure: { readonly error: unknown } | undefined = undefined;

  constructor(client: InspectClient, target: Target, state: TopState, every: number) {
    this.#client = client;
    this.#target = target;
    this.#state = state;
    this.#every = every;
    this.#data = { took: 0, every, silent: 0 };
  }

  async run(): Promise<number> {
    const { coloured } = standardOutput();
    using screen = new Screen(
      coloured,
      (keys) => this.#onKeys(keys, screen),
      () => {
        this.#draw(screen);
        this.#askNow(); // there may be room for more rows
      },
    );
    process.stdout.once('error', () => this.#quit.set()); // the terminal has gone
    this.#draw(screen);
    await TaskGroup.run(async (group) => {
      group.createTask(async () => {
        try {
          await this.#ask(screen);
        } catch (error) {
          if (error instanceof CancelledError) throw error;
          this.#failure = { error }; // as it is, not in the group's own error: the caller knows it
          this.#quit.set();
        }
      });
      group.createTask(async () => {
        for (;;) {
          await sleep(500);
          this.#draw(screen);
        }
      });
      await this.#quit.wait();
      group.cancel();
    });
    if (this.#failure !== undefined) throw this.#failure.error;
    return 0;
  }

  /** Asks until the process has ended. */
  async #ask(screen: Screen): Promise<void> {
    for (;;) {
      this.#due = new Event(); // before the state is read: a key from here on asks again
      this.#askedAt = performance.now();
      try {
        const answered = await askAll(this.#client, this.#state, this.#state.offset + 2 * this.#page + 1);
        const { every: _, ...data } = answered;
        this.#data = { ...data, every: Math.max(this.#every, COST * data.took) };
      } catch (error) {
        if (error instanceof RefusedError && error.code === 'NOT_AVAILABLE') {
          // The process is blocked, and nothing is known from before: that passes.
          this.#askedAt = undefined;
          this.#data = { ...this.#data, refused: error.message };
          this.#draw(screen);
          await moveOnAfter(this.#every, () => this.#due.wait());
          continue;
        }
        if (!(error instanceof NoAnswerError)) throw error instanceof RefusedError ? troubleOf(error) : error;
        if (error.isOver) {
          const { pid, path } = this.#target;
          const over = [`${pid === undefined ? path : `Process ${pid}`}: ${error.message}`, ...knownOf(pid)].join('; ');
          this.#askedAt = undefined;
          this.#data = { ...this.#data, silent: 0, over: `${over}.` };
          this.#draw(screen);
          return;
        }
        continue;
      }
      this.#askedAt = undefined;
      this.#draw(screen);
      await moveOnAfter(this.#data.every, () => this.#due.wait());
      while (this.#state.paused) {
        this.#due = new Event();
        await this.#due.wait();
      }
    }
  }

  #askNow(): void {
    this.#due.set();
  }

  #onKeys(keys: readonly string[], screen: Screen): void {
    for (const key of keys) {
      const { sort, filter } = this.#state;
      const next = press(this.#state, key, this.#page, topTotal(this.#state, this.#data));
      if (next === 'quit') {
        this.#quit.set();
        return;
      }
      if (key === 'ctrl-z') screen.suspend();
      if (key === 'ctrl-l') screen.forget();
      const scrolledPast = next.offset + this.#page > (this.#data.connections?.connections.length ?? 0);
      if (next.sort !== sort || next.filter !== filter || (scrolledPast && next.offset !== this.#state.offset)) {
        this.#askNow();
      }
      if (this.#state.paused && !next.paused) this.#askNow();
      this.#state = next;
    }
    this.#draw(screen);
  }

  #draw(screen: Screen): void {
    const waited = this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt;
    const { lines, page } = topScreen(
      this.#state,
      { ...this.#data, silent: waited < SILENT_AFTER ? 0 : waited },
      screen.size,
    );
    this.#page = page;
    screen.draw(lines);
  }
}

/** Asks for all that the screen shows. */
async function askAll(client: InspectClient, { sort, filter }: TopState, limit: number): Promise<TopData> {
  const start = performance.now();
  const groups = await client.request('groups', {}, PATIENCE);
  const connections = await client.request(
    'connections',
    { sort, limit, ...(filter === '' ? {} : { filter }) },
    PATIENCE,
  );
  const took = groups.fresh.cost ?? performance.now() - start;
  return { groups, connections, took, every: 0, silent: 0 };
}
