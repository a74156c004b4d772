// npm start -- examples/gui
//
// A page that counts primes in three ways, and shows what becomes of its frames meanwhile:
//
// 1. In its own thread. It stands still: no frame, no click, no scrolling.
// 2. In slices. The same thread counts for 8 ms, and then lets the page have a turn with sleep(0).
// 3. In a worker. The page waits for a call, with progress, and can cancel it.
//
// Each run is a task, and the button Cancel cancels that task. A browser has no ambient task, so the
// signal of the task goes to every wait: to sleep(), and with .with({ signal }) to the worker.
import { CancelledError, createTask, type Task } from 'maitre/core';
import { WorkerExecutor } from 'maitre/executors';
import { Card, elementById } from './card.ts';
import { Floor, seconds } from './floor.ts';
import { FrameMeter, LATE } from './meter.ts';
import { forgetTones, pictureOf } from './picture.ts';
import { countInSlices, countPrimes } from './primes.ts';
import type * as primes from './primes.ts';

/** Milliseconds that the thread of the page may count at a time. A frame has 16.7. */
const SLICE = 8;
/** Milliseconds for which the picture shows that the page stood still. */
const STOOD = 4000;

// Vite finds the file of the worker by this text, and makes a bundle of its own of it.
const workers = new WorkerExecutor({
  worker: () => new Worker(new URL('./primes.worker.ts', import.meta.url), { type: 'module' }),
  size: 1,
  cancelGrace: 100, // without shared memory, a cancel ends the worker after so many milliseconds
});
const heavy = workers.module<typeof primes>('primes');

type Way = 'own' | 'slices' | 'worker';
type Count = (limit: number, signal: AbortSignal, onProgress: (part: number) => void) => Promise<number>;

const ways: Record<Way, Count> = {
  async own(limit) {
    await painted(); // what the page has to say: it says nothing meanwhile
    return countPrimes(limit);
  },
  slices(limit, signal, onProgress) {
    return countInSlices(limit, SLICE, { signal, onProgress });
  },
  worker(limit, signal, onProgress) {
    return heavy.countPrimes.with({ signal, onProgress: (part) => onProgress(Number(part)) })(limit);
  },
};

// ---- runs ------------------------------------------------------------------------------------------------------

/** A run, from the press of its button to its end. */
interface Run {
  readonly way: Way;
  readonly began: number;
  readonly task: Task<number>;
  /** The part that is done, from 0 to 1. */
  progress: number;
  cancelled: number | undefined;
}

const meter = new FrameMeter();
const cards: Record<Way, Card> = {
  own: new Card('own', 'No cancel: nobody would notice your click.', () => void start('own'), cancel),
  slices: new Card('slices', 'Cancel it in the middle, with the button or Esc.', () => void start('slices'), cancel),
  worker: new Card('worker', 'Cancel it in the middle, with the button or Esc.', () => void start('worker'), cancel),
};
let limit = 10_000_000;
let run: Run | undefined;
/** For how long the page stood still, and until when the picture shows it. */
let stood = { ms: 0, until: 0 };

async function start(way: Way): Promise<void> {
  if (run !== undefined) return; // one at a time, so that the meter tells about that one
  stood.until = 0;
  const onProgress = (part: number): void => {
    current.progress = part;
  };
  const task = createTask<number>(({ signal }) => ways[way](limit, signal, onProgress), { name: way });
  const current: Run = { way, began: performance.now(), task, progress: 0, cancelled: undefined };
  run = current;
  showRunning();
  const words = await wordsOn(current);
  const took = performance.now() - current.began;
  await painted(); // the frame after a freeze is the one that is late
  const measured = meter.since(current.began);
  if (way === 'own') stood = { ms: measured.longest, until: performance.now() + STOOD };
  run = undefined;
  showRunning();
  cards[way].progress(current.cancelled === undefined ? 1 : current.progress);
  cards[way].end({ words, took, measured });
}

/** Waits for a run, and says what came of it. */
async function wordsOn(current: Run): Promise<string> {
  try {
    return `${(await current.task).toLocaleString('en')} primes`;
  } catch (error) {
    if (error instanceof CancelledError)
      return `Cancelled after ${seconds(performance.now() - (current.cancelled ?? 0))}`;
    return String(error);
  }
}

function cancel(): void {
  if (run === undefined) return;
  run.cancelled ??= performance.now();
  run.task.cancel();
}

/** Resolves when the browser has shown what was changed until now. */
function painted(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

// ---- what the page shows ---------------------------------------------------------------------------------------

const floor = new Floor();
const sentence = elementById('sentence');
const rate = elementById('rate');
const longest = elementById('longest');
const floorPicture = pictureOf(elementById('floor') as HTMLCanvasElement); // index.html has two canvases
const meterPicture = pictureOf(elementById('meter') as HTMLCanvasElement);
const limits = [...document.querySelectorAll<HTMLButtonElement>('[data-limit]')];
/** When the figures and the sentence were last written: four times a second is enough to read. */
let written = 0;

function showRunning(): void {
  for (const way of Object.keys(cards) as Way[]) {
    cards[way].show(run === undefined ? 'nowhere' : run.way === way ? 'here' : 'elsewhere', way !== 'own');
  }
  for (const each of limits) {
    each.disabled = run !== undefined;
    each.setAttribute('aria-pressed', String(Number(each.dataset['limit']) === limit));
  }
  writeDown(performance.now());
}

function writeDown(now: number): void {
  written = now;
  if (run !== undefined) cards[run.way].figures(now - run.began, meter.since(run.began));
  const [frames, worst] = [meter.rate(now), meter.longest(now)];
  rate.textContent = String(frames);
  longest.textContent = seconds(worst);
  longest.classList.toggle('late', worst > LATE);
  const [bold, rest] = saying(now, frames);
  if (sentence.textContent !== `${bold}${rest}`) sentence.replaceChildren(strong(bold), rest);
  sentence.classList.toggle('late', run?.way === 'own' || stood.until > now);
}

/** One sentence on how it goes, in a bold part and a rest. */
function saying(now: number, frames: number): [string, string] {
  if (run?.way === 'own')
    return ['The waiter stands and counts.', ' Nothing moves on this page, not even this sentence.'];
  if (stood.until > now)
    return [`The page stood still for ${seconds(stood.ms)}.`, ' No frame, no click, no scrolling.'];
  const rhythm = ` ${frames} frames a second.`;
  if (run?.way === 'slices') return ['The waiter counts a little, and serves a little:', rhythm];
  if (run?.way === 'worker') return ['The kitchen counts, and the waiter keeps up:', rhythm];
  return ['The waiter keeps up:', rhythm];
}

function strong(words: string): HTMLElement {
  const element = document.createElement('b');
  element.textContent = words;
  return element;
}

function onFrame(): void {
  requestAnimationFrame(onFrame);
  // Not the time that the frame was due, which is what a frame is passed: after a freeze, that is long past.
  const at = performance.now();
  meter.frame(at);
  floor.draw(
    floorPicture(),
    {
      way: run?.way ?? 'idle',
      progress: run?.progress ?? 0,
      elapsed: run === undefined ? 0 : at - run.began,
      stood: stood.until > at ? stood.ms : undefined,
    },
    at,
  );
  meter.draw(meterPicture(), at);
  if (run !== undefined) cards[run.way].progress(run.progress);
  if (at - written > 250) writeDown(at);
}

// ---- the rest of the page --------------------------------------------------------------------------------------

const dark = matchMedia('(prefers-color-scheme: dark)');
dark.addEventListener('change', forgetTones);

function changeTheme(): void {
  const { dataset } = document.documentElement;
  dataset['theme'] = (dataset['theme'] ?? (dark.matches ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark';
  forgetTones();
}

elementById('theme').addEventListener('click', changeTheme);
for (const each of limits) {
  each.addEventListener('click', () => {
    limit = Number(each.dataset['limit']);
    showRunning();
  });
}
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const way = ({ 1: 'own', 2: 'slices', 3: 'worker' } as const)[event.key];
  if (way !== undefined) void start(way);
  else if (event.key === 'Escape') cancel();
  else if (event.key === 't') changeTheme();
});
elementById('isolation').textContent = crossOriginIsolated ? 'shares memory' : 'shares no memory';
elementById('isolation').title = crossOriginIsolated
  ? 'A cancel reaches the loop of the worker at once'
  : 'A cancel ends the worker: the headers COOP and COEP are missing';

showRunning();
requestAnimationFrame(onFrame);
