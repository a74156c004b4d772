// The panel while no table is chosen: one function with how many wait at each await, who waits longest, last blocks.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { type BlockRow, idText } from '../../../inspect/protocol/index.ts';
import type { App } from '../app.ts';
import { count, counted, duration, tableNumber } from '../format.ts';
import { Bow, Glyph } from '../icons.tsx';
import { CLOCK, kindOf, KINDS, READ } from '../kinds.ts';
import { drawnBall, drawnPlace, type Table } from '../table.ts';
import { shortWait } from '../floor/live-picture.ts';
import { baseName, blockTitle } from '../words.ts';
import { Code, type CodeLine } from './code.tsx';
import { functionLines, type PlaceCount } from './function-lines.ts';

/** Waits below this many milliseconds are not long. */
const LONG = 100;
const ROWS = 7;
/** Changes of text after which a function in which nobody waits gives way: ten seconds. */
const IDLE_BEATS = 40;

export function Home({ app }: { readonly app: App }): JSX.Element {
  return (
    <>
      <FunctionSection app={app} />
      <LongestSection app={app} />
      <BlocksSection app={app} />
    </>
  );
}

function FunctionSection({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  void app.sources.changes.value;
  const { live } = app;
  const counts = countPlaces(app);
  const last = useRef({ key: '', idle: 0 });
  const shown = functionLines(counts, last.current.key);
  if (shown !== undefined) {
    const idle = shown.tables > 0 ? 0 : last.current.idle + 1;
    last.current = idle > IDLE_BEATS ? { key: '', idle: 0 } : { key: shown.key, idle };
  }
  const total = live.tables.length;
  const title = live.frame?.of === 'tasks' ? counted(total, 'task') : counted(total, 'guest');
  if (shown === undefined) {
    return (
      <section>
        <h2>{total === 0 ? 'No guests' : title}</h2>
        <p class="sub">Where they wait in the code is not known yet.</p>
      </section>
    );
  }
  const { block } = live;
  const hot = block !== null && !block.over && block.place?.file === shown.file ? block.place.line : 0;
  const now = live.places[app.stage?.place ?? -1];
  const lines = shown.lines.map((number): CodeLine => {
    const text = app.sources.line({ file: shown.file, line: number });
    if (number === hot) return { number, text, tone: 'hot', mark: <Bow class="k-block" /> };
    const here = shown.places.get(number);
    const mark = now !== undefined && now.file === shown.file && now.line === number ? { mark: <Bow /> } : {};
    if (here === undefined) return { number, text, ...mark };
    const ball = counts.find(({ index }) => index === here.index)?.ball ?? READ;
    return {
      number,
      text,
      ...mark,
      end: count(here.tables),
      fill: { share: here.tables / Math.max(1, total), class: `k-${kindOf(ball).id}` },
      title: `${counted(here.tables, 'table')} of ${count(total)} ${here.tables === 1 ? 'waits' : 'wait'} at this await`,
    };
  });
  const elsewhere = total - shown.tables;
  return (
    <section>
      <h2>One function, {title}</h2>
      <p class="sub">
        How many wait at each await of {baseName(shown.file)}, now
        {elsewhere > 0 ? `; ${count(elsewhere)} elsewhere` : ''}.
      </p>
      <Code lines={lines} label={`source of ${baseName(shown.file)}`} />
    </section>
  );
}

interface CountedPlace extends PlaceCount {
  /** The kind that most tables there wait as. */
  readonly ball: number;
}

/** How many tables wait at each place: counted here while all of them are known, by the process otherwise. */
function countPlaces({ live }: App): CountedPlace[] {
  const counts = new Map<number, number[]>();
  const countsOf = (place: number): number[] => {
    let kinds = counts.get(place);
    if (kinds === undefined) counts.set(place, (kinds = KINDS.map(() => 0)));
    return kinds;
  };
  const told = live.frame?.counts.places ?? [];
  // A place where somebody waited before stays in the list, so that no line jumps.
  for (const place of live.places.keys()) countsOf(place);
  for (const table of live.tables) {
    const kinds = countsOf(drawnPlace(table, live.settled));
    const ball = drawnBall(table, live.settled);
    kinds[ball] = (kinds[ball] ?? 0) + 1;
  }
  const complete = live.frame === null || live.tables.length >= live.frame.total;
  const totals = new Map(complete ? [] : told);
  return [...counts].flatMap(([index, kinds]) => {
    const place = live.places[index];
    if (place === undefined) return [];
    const tables = totals.get(index) ?? kinds.reduce((sum, each) => sum + each, 0);
    return [{ place, index, tables, ball: kinds.indexOf(Math.max(...kinds)) }];
  });
}

function LongestSection({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const now = app.now();
  const rows = longest(app.live.tables, now);
  return (
    <section>
      <h2>Waiting longest</h2>
      <p class="sub">Guests at leisure and clocks left out.</p>
      <div class="rows">
        {rows.length === 0 ? <div class="none">Nobody.</div> : null}
        {rows.map((table) => (
          <button
            key={table.id}
            class="row"
            type="button"
            onClick={() => app.select(table.id)}
            onPointerEnter={() => {
              app.pointed.value = table.id;
            }}
            onPointerLeave={() => {
              app.pointed.value = 0;
            }}
          >
            <Glyph ball={table.ball} />
            <span class="who">{table.name === '' ? tableNumber(table.id) : `${idText(table.id)} ${table.name}`}</span>
            <span class="w">{shortWait(app.live, table)}</span>
            <span class="t">{duration(now - table.since)}</span>
          </button>
        ))}
      </div>
    </section>
  );
}

/** The tables that wait longest for anything but their guest or the clock. */
export function longest(tables: readonly Table[], now: number): Table[] {
  const best: Table[] = [];
  for (const table of tables) {
    const { ball, since } = table;
    if (ball === READ || ball === CLOCK || since <= 0 || now - since < LONG) continue;
    const last = best[ROWS - 1];
    if (last !== undefined && since >= last.since) continue;
    let at = best.length;
    while (at > 0 && (best[at - 1]?.since ?? 0) > since) at--;
    best.splice(at, 0, table);
    best.length = Math.min(best.length, ROWS);
  }
  return best;
}

function BlocksSection({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const blocks = useSignal<readonly BlockRow[]>([]);
  const total = app.live.frame?.numbers.blocks ?? 0;
  const over = app.live.block?.over === true;
  useEffect(() => {
    if (total === 0) return;
    app.transport.request('blocks', {}).then(
      (answer) => {
        blocks.value = answer.blocks.filter(({ over: ended }) => ended).toSorted((a, b) => b.since - a.since);
      },
      () => {
        // The list says why; here the old rows stay.
      },
    );
  }, [app, blocks, total, over]);
  const [last] = blocks.value;
  const ago =
    last === undefined
      ? ''
      : `; the last ${duration(Math.max(0, app.live.now(performance.now()) - last.since - last.ms))} ago`;
  return (
    <section>
      <h2>Stood at a table</h2>
      <p class="sub">{total === 0 ? 'No block was seen.' : `${counted(total, 'block')}${ago}.`}</p>
      <div class="rows">
        {blocks.value.slice(0, 3).map((block) => {
          const table = app.live.tableOf(block);
          return (
            <button key={block.id} class="row" type="button" onClick={() => app.open('blocks')}>
              <Bow class="k-block" />
              <span class="who">{table === undefined ? blockTitle(block) : tableNumber(table.id)}</span>
              <span class="w mono">{block.place?.function ?? block.place?.text ?? ''}</span>
              <span class="t">{duration(block.ms)}</span>
            </button>
          );
        })}
      </div>
    </section>
  );
}
