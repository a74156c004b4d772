// The blocks: when the loop stood at one table, who held it, and where.
import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { BlockRow, Place } from '../../../inspect/protocol/index.ts';
import type { App } from '../app.ts';
import { count, duration, tableNumber, timeOfDay } from '../format.ts';
import { capitalised } from '../kinds.ts';
import { Code, type CodeLine } from '../panel/code.tsx';
import { usePoll } from '../panel/poll.ts';
import type { View } from '../view.ts';
import { blockTitle } from '../words.ts';

/** The id of the block that is looked at; 0 for the last one. */
const chosen: Signal<number> = signal(0);
/** Lines shown before and after the one that ran. */
const BEFORE = 3;
const AFTER = 3;

function Blocks({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const { answer, problem } = usePoll(app, 'blocks', {}, 500);
  const blocks = (answer.value?.blocks ?? []).toSorted((a, b) => b.since - a.since);
  const block = blocks.find(({ id }) => id === chosen.value) ?? blocks[0];
  const most = Math.max(1, ...blocks.map(({ ms }) => ms));
  const epoch = app.hello.value?.process.epoch ?? 0;
  return (
    <div class="view" role="tabpanel">
      <div class="two">
        <div>
          <div class="pad">
            <h2>When the waiter stood at a table</h2>
            <p class="sub">
              {problem.value || 'Code that ran without an await, seen by the watchdog’s thread while it ran.'}
            </p>
          </div>
          {blocks.map((row) => (
            <button
              key={row.id}
              class={`tr block ${row === block ? 'sel' : ''}`}
              type="button"
              onClick={() => {
                chosen.value = row.id;
              }}
            >
              <span class="mid">{timeOfDay(epoch + row.since)}</span>
              <span class="ms k-block">{duration(row.ms)}</span>
              <span>
                <span class="agebar k-block" style={{ width: `${((row.ms / most) * 100).toFixed(1)}%` }} />
              </span>
              <span class="mid">{titleOf(app, row)}</span>
            </button>
          ))}
        </div>
        <div>{block === undefined ? <None /> : <One app={app} block={block} epoch={epoch} />}</div>
      </div>
    </div>
  );
}

function titleOf(app: App, block: BlockRow): string {
  const table = app.live.tableOf(block);
  return table === undefined ? blockTitle(block) : `table ${tableNumber(table.id)} ${table.name}`.trimEnd();
}

function None(): JSX.Element {
  return (
    <div class="pad">
      <h2>The waiter has never stood</h2>
      <p class="sub">No code ran for long without an await.</p>
    </div>
  );
}

function One({
  app,
  block,
  epoch,
}: {
  readonly app: App;
  readonly block: BlockRow;
  readonly epoch: number;
}): JSX.Element {
  const { place } = block;
  return (
    <div class="pad">
      <div class="bigname k-block">{duration(block.ms)}</div>
      <p class="lead">
        {capitalised(titleOf(app, block))} {block.peer === null ? '' : <span class="mono">({block.peer})</span>}{' '}
        {block.over ? 'held' : 'holds'} the waiter
        {place === null ? '' : ' in '}
        {place === null ? null : <b class="mono">{place.function ?? place.text}</b>}, since{' '}
        {timeOfDay(epoch + block.since, { ms: true })}.
        {block.inferred === true ? ' Probably: the runtime cannot look into running code, it was resumed last.' : ''}
      </p>
      <p class="sub">{waitingText(block)}</p>
      {block.frozen === undefined ? null : <Kept app={app} id={block.frozen} />}
      <h2>Where</h2>
      {place === null ? (
        <p class="sub">No stack could be taken{block.why === undefined ? '' : `: ${block.why}`}.</p>
      ) : (
        <Code lines={linesOf(app, place)} label={`source at ${place.text}`} />
      )}
      <p class="stack mono">
        {block.stack.map((frame, i) => (
          <span key={i} class={i === 0 ? 'first' : ''}>
            {frame}
          </span>
        ))}
      </p>
      <h2>What to do</h2>
      <p class="sub do">
        Give the work to an executor: <span class="mono">await toThread(…)</span>. Or let others have their turn now and
        then: <span class="mono">await sleep(0)</span>.
      </p>
    </div>
  );
}

/** Shows a recording that was kept. */
export function Kept({ app, id }: { readonly app: App; readonly id: number }): JSX.Element {
  return (
    <button class="btn" type="button" onClick={() => app.record(id)}>
      What came before, in slow motion
    </button>
  );
}

function waitingText({ waiting, over, thread }: BlockRow): string {
  const where = thread === 0 ? '' : ` This was in worker ${thread}.`;
  if (waiting === null) return `How many had called meanwhile is ${over ? 'not known' : 'told afterwards'}.${where}`;
  const tables = waiting === 1 ? 'One table' : `${count(waiting)} tables`;
  return `${tables} had something for the waiter by then.${where}`;
}

function linesOf(app: App, { file, line }: Place): CodeLine[] {
  void app.sources.changes.value;
  const lines: CodeLine[] = [];
  for (let number = Math.max(1, line - BEFORE); number <= line + AFTER; number++) {
    const text = app.sources.line({ file, line: number });
    if (number === line) lines.push({ number, text, tone: 'hot' });
    else if (text !== undefined) lines.push({ number, text });
  }
  return lines;
}

export const blocksView: View = {
  id: 'blocks',
  label: 'Blocks',
  group: 'list',
  strip: true,
  panel: false,
  number: ({ live }) => live.frame?.numbers.blocks,
  body: Blocks,
};
