// npx maitre serve examples/logrouter.ts     routes         (in this repository: npm start -- examples/logrouter.ts)
// npx maitre connect 127.0.0.1:8002          subscribes: do this in two terminals or more; Ctrl-D leaves
//
// Two logs, the output of a program, signals, a clock and those who subscribe come together in one loop, and go out to
// everybody. Try it in one more terminal. PID is the process id, which every subscriber is told:
//
//   cd /tmp/logrouter
//   echo 'soup is ready' >> kitchen.log                      goes to all subscribers
//   mv door.log door.log.1 && echo 'Ada came in' > door.log  a rotation: no line is lost
//   echo soup > filter && kill -HUP PID                      from now on, only lines with "soup"
//   rm filter && kill -HUP PID                               everything again
//
// (While nobody is subscribed, nobody listens for SIGHUP, and it ends the server as it ends any other.)
//
// Press Ctrl-Z in a subscriber and write some thousand lines. The others have them at once; the one that stands still holds
// up nobody and costs little memory. `fg` brings it back, and it is told how many lines it has missed.
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Broadcast,
  type Connection,
  createTask,
  every,
  merge,
  Queue,
  race,
  type StreamReader,
  type StreamWriter,
  type Subscription,
  type Task,
  wait,
} from 'maitre';
import { tail } from 'maitre/files';
import { signals } from 'maitre/signals';
import { createSubprocessExec } from 'maitre/subprocess';

const FOLDER = process.env['LOGROUTER'] ?? join(tmpdir(), 'logrouter');
const FILTER = join(FOLDER, 'filter');
/** A program that has something to say every second. */
const OVEN = 'while sleep 1; do echo "the oven has $((180 + $(date +%s) % 9)) degrees"; done';
/** Milliseconds between two summaries. */
const SUMMARY = 5000;
/** Longer lines are cut, so that a number of lines is a bound for memory, too. */
const LONGEST = 1000;

interface Line {
  readonly from: string;
  readonly text: string;
}

/** What subscribers get. Whoever lags 200 lines behind loses the oldest ones: nobody waits for a slow subscriber. */
const news = new Broadcast<Buffer>({ name: 'news', capacity: 200, slow: 'dropOldest' });
/** Who came, on the way to the loop. */
const arrivals = new Queue<string>(100);
/** The loop. It runs while anybody is subscribed. */
let routing: Task<void> | undefined;

export default async function subscribe(reader: StreamReader, writer: StreamWriter, client: Connection): Promise<void> {
  using lines = news.subscribe();
  if (routing === undefined || routing.done()) routing = createTask(route, { name: 'router' });
  try {
    await arrivals.put(client.label);
    // The subscriber leaves, or is lost, or Ctrl-C on the server ends what it sends: the first of both ends the other.
    await race([() => forward(lines, writer), () => untilEnd(reader)]);
  } finally {
    lines.close();
    if (news.subscribers === 0) await stopRouting();
  }
}

/** Sends lines to one subscriber, as fast as it takes them. It is the only one that waits for itself. */
async function forward(lines: Subscription<Buffer>, writer: StreamWriter): Promise<void> {
  let missed = 0;
  for await (const line of lines) {
    if (lines.dropped > missed) writer.write(`* you missed ${lines.dropped - missed} lines\n`);
    missed = lines.dropped;
    writer.write(line);
    await writer.drain();
  }
}

async function untilEnd(reader: StreamReader): Promise<void> {
  for await (const _ of reader.chunks()); // a subscriber has nothing to say
}

/** The loop where everything comes together. However it is left, all it has opened is closed. */
async function route(): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  const [door, kitchen] = [join(FOLDER, 'door.log'), join(FOLDER, 'kitchen.log')];
  for (const log of [door, kitchen]) await appendFile(log, ''); // tail wants it to be there
  let words = await readFilter();
  let [routed, filtered] = [0, 0];

  await using oven = await createSubprocessExec('sh', ['-c', OVEN], { stdout: 'pipe', processGroup: true });
  await using events = merge(
    named('door', tail(door)),
    named('kitchen', tail(kitchen)),
    named('oven', oven.stdout?.lines() ?? []),
    named('router', arrivals),
    signals('SIGHUP'),
    every(SUMMARY),
  );
  for await (const event of events) {
    if (typeof event === 'number') {
      await tell('router', `${news.subscribers} subscribers, ${routed} lines, ${filtered} left out`);
    } else if (typeof event === 'string') {
      words = await readFilter();
      await tell('router', words.length === 0 ? 'everything passes' : `only lines with: ${words.join(', ')}`);
    } else if (event.from === 'router') {
      await tell('router', `${event.text} subscribes; \`kill -HUP ${process.pid}\` reads ${FILTER} again`);
    } else if (passes(event.text, words)) {
      routed++;
      await tell(event.from, event.text);
    } else {
      filtered++;
    }
  }
}

async function stopRouting(): Promise<void> {
  const task = routing;
  routing = undefined; // whoever subscribes meanwhile starts a new one
  if (task?.cancel() === true) await wait([task]); // the program and the files are closed then
}

/** The lines of a source, with its name. */
async function* named(from: string, texts: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Line> {
  for await (const text of texts) yield { from, text };
}

/** Publishes a line. It never waits for a subscriber. */
async function tell(from: string, text: string): Promise<void> {
  await news.publish(Buffer.from(`${from}: ${text.slice(0, LONGEST)}\n`)); // encoded once for all
}

/** The words of which a line must have one: the lines of the filter. None if there is no such file. */
async function readFilter(): Promise<readonly string[]> {
  try {
    const text = await readFile(FILTER, 'utf8');
    return text.split('\n').filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function passes(text: string, words: readonly string[]): boolean {
  for (const word of words) if (text.includes(word)) return true;
  return words.length === 0;
}
