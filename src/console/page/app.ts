// The state of the page: what is chosen, which view is open, and the beat at which text follows the data. Views read
// signals; whoever acts calls the methods here.
import { type Signal, signal } from '@preact/signals';
import type { Methods } from '../../inspect/protocol/index.ts';
import { Live } from './live.ts';
import { Sources } from './sources.ts';
import { applyTheme, DARK, LIGHT, rememberTheme, type Theme, type ThemeName } from './theme.ts';
import type { Transport } from './transport.ts';
import { baseName } from './words.ts';

/** Milliseconds between two changes of text: four a second. */
const BEAT = 250;

export type Arrangement = 'seats' | 'age' | 'code';

/** Above this many tables, how long they wait says more than where they sit. */
const BY_AGE_ABOVE = 2000;

/** What draws the floor, while it is open. */
export interface Stage {
  /** The place at which the visit that is shown stopped: an index; -1 for none. */
  readonly place: number;
  /** Chooses the next table in the direction of an arrow key. */
  step(key: string): void;
}

export type Hello = Methods['hello']['result'];

export class App {
  readonly live: Live = new Live();
  readonly transport: Transport;
  readonly sources: Sources;
  readonly view: Signal<string>;
  /** The id of the chosen table; 0 for none. */
  readonly selected: Signal<number> = signal(0);
  /** The id of the table that one points at; 0 for none. */
  readonly pointed: Signal<number> = signal(0);
  /** Null: whatever suits the number of tables. */
  readonly arrangement: Signal<Arrangement | null> = signal<Arrangement | null>(null);
  /** The kind that alone is shown in full; -1 for all. */
  readonly only: Signal<number> = signal(-1);
  readonly filter: Signal<string> = signal('');
  /** Since when nothing moves because one wants to look, on the page's clock; 0 if it does. */
  readonly heldAt: Signal<number> = signal(0);
  /** Since when the server does not answer; 0 if it does. */
  readonly lostAt: Signal<number> = signal(0);
  /** Why the server has refused to send frames; empty while it is silent. */
  readonly lostWhy: Signal<string> = signal('');
  readonly hello: Signal<Hello | null> = signal<Hello | null>(null);
  readonly theme: Signal<Theme>;
  readonly helpOpen: Signal<boolean> = signal(false);
  /** The table about whose cancelling one was asked; 0 for none. */
  readonly cancelling: Signal<number> = signal(0);
  /** What the last cancel led to; empty for none. */
  readonly notice: Signal<string> = signal('');
  /** Grows four times a second, when text may change. */
  readonly beat: Signal<number> = signal(0);
  /** Grows when a full frame has come: what was worked out of the tables is void. */
  readonly starts: Signal<number> = signal(0);
  /** Grows when somebody asks for a recording; the view of slow motion listens. */
  readonly recordings: Signal<number> = signal(0);
  /** The id of the kept recording that the last wish is for; undefined for what comes. */
  wantedRecording: number | undefined = undefined;
  stage: Stage | null = null;
  /** The keys of the list that is open, in its order. */
  listed: () => readonly (string | number)[] = () => [];
  /** When the process said how long it is up, on the page's clock. */
  greetedAt = 0;
  #frames: number[] = [];
  readonly #motion: MediaQueryList = matchMedia('(prefers-reduced-motion: reduce)');
  #unsubscribe: (() => void) | null = null;

  constructor(transport: Transport, view: string, theme: ThemeName) {
    this.transport = transport;
    this.sources = new Sources(transport);
    this.view = signal(view);
    this.theme = signal(theme === 'dark' ? DARK : LIGHT);
  }

  /** Begins to listen. */
  start(): void {
    this.#subscribe();
    this.#greet();
    setInterval(() => this.tick(), BEAT);
  }

  /** Lets text follow the data. */
  tick(): void {
    this.live.forgetBlock(performance.now());
    this.live.remarkable.update();
    this.beat.value++;
  }

  /** The program's file, without its folders. */
  get program(): string {
    return baseName(this.hello.value?.process.file ?? '');
  }

  /** Frames that came in the last second. */
  get frameRate(): number {
    const now = performance.now();
    this.#frames = this.#frames.filter((at) => now - at <= 1000);
    return this.#frames.length;
  }

  get reducedMotion(): boolean {
    return this.#motion.matches;
  }

  get arranged(): Arrangement {
    return this.arrangement.value ?? (this.live.tables.length > BY_AGE_ABOVE ? 'age' : 'seats');
  }

  /** The loop's time for what stands in the room: it stands while one holds it, and during a block. */
  now(): number {
    return this.live.roomNow(this.heldAt.value || performance.now());
  }

  open(view: string): void {
    this.view.value = view;
    this.notice.value = '';
  }

  arrange(arrangement: Arrangement): void {
    this.arrangement.value = arrangement;
  }

  /** Chooses the next table in the direction of an arrow key. */
  step(key: string): void {
    this.stage?.step(key);
  }

  /** Records what comes now, or takes a recording that was kept, and shows it in slow motion. */
  record(frozen?: number): void {
    this.wantedRecording = frozen;
    this.recordings.value++;
    this.open('slow');
  }

  select(id: number): void {
    this.selected.value = id;
    this.cancelling.value = 0;
    this.notice.value = '';
  }

  setTheme(name: ThemeName): void {
    this.theme.value = name === 'dark' ? DARK : LIGHT;
    applyTheme(this.theme.value, document.documentElement);
  }

  toggleTheme(): void {
    const name = this.theme.value.name === 'dark' ? 'light' : 'dark';
    this.setTheme(name);
    rememberTheme(name);
  }

  /** Stops the picture, or lets it go on from what is true then. */
  hold(on: boolean = this.heldAt.value === 0): void {
    if (on) {
      this.heldAt.value = performance.now();
      this.#unsubscribe?.();
      this.#unsubscribe = null;
    } else {
      this.heldAt.value = 0;
      this.#subscribe();
    }
    this.tick();
  }

  /** Cancels the handler of a table: the first call asks, the second one does it. */
  async cancel(id: number): Promise<void> {
    if (this.hello.value?.control !== true) return;
    if (this.cancelling.value !== id) {
      this.cancelling.value = id;
      return;
    }
    this.cancelling.value = 0;
    const of = this.live.frame?.of ?? 'clients';
    try {
      const { outcome, sentence } = await this.transport.request(
        'cancel',
        of === 'clients' ? { client: id } : { task: id },
      );
      this.notice.value = sentence || outcome;
    } catch (error) {
      this.notice.value = String(error instanceof Error ? error.message : error);
    }
  }

  #subscribe(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = this.transport.subscribe({
      onFrame: (frame) => {
        const wall = performance.now();
        this.live.apply(frame, wall);
        this.#frames.push(wall);
        if (this.#frames.length > 60) this.#frames.shift();
        if (frame.full) this.starts.value++;
        if (this.lostAt.value !== 0 || frame.full) {
          this.lostAt.value = 0;
          if (this.hello.value === null || frame.seq <= 1) this.#greet();
          this.tick();
        }
      },
      onLost: (why = '') => {
        this.lostWhy.value = why;
        if (this.lostAt.value === 0) this.lostAt.value = performance.now();
      },
    });
  }

  #greet(): void {
    this.transport.request('hello', {}).then(
      (hello) => {
        this.greetedAt = performance.now();
        this.hello.value = hello;
      },
      () => {
        // The stream says that the server is lost, and asks again when it is back.
      },
    );
  }
}
