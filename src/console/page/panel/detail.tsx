// The panel of a chosen table: what it waits for, where, what came before, where its time went, and its end.
import type { JSX } from 'preact';
import type { Bill, Place } from '../../../inspect/protocol/index.ts';
import type { App } from '../app.ts';
import { shortWait } from '../floor/live-picture.ts';
import { bytes, count, counted, duration } from '../format.ts';
import { Glyph, Sign } from '../icons.tsx';
import { capitalised, kindOf } from '../kinds.ts';
import type { Table } from '../table.ts';
import { tableTitle } from '../words.ts';
import { Code } from './code.tsx';
import { usePoll } from './poll.ts';

interface Props {
  readonly app: App;
  readonly table: Table;
}

export function Detail({ app, table }: Props): JSX.Element {
  void app.beat.value;
  return (
    <>
      <Head app={app} table={table} />
      <Where app={app} table={table} />
      <LastWaits app={app} table={table} />
      {app.live.frame?.of === 'clients' ? <BillSection app={app} table={table} /> : null}
      <Cancel app={app} table={table} />
    </>
  );
}

function Head({ app, table }: Props): JSX.Element {
  void app.beat.value;
  const now = app.now();
  const kind = kindOf(table.ball);
  const late = table.since > 0 && app.live.remarkable.is(table.ball, now - table.since);
  const cold = usePoll(app, 'connections', { filter: table.peer, limit: 4 }, 500).answer.value;
  const row = cold?.connections.find(({ id }) => id === table.id);
  // Its words are of the wait that it had then.
  const words = row !== undefined && row.since === table.since ? row.what : shortWait(app.live, table);
  return (
    <section>
      <button class="icon close" type="button" aria-label="Close (Escape)" onClick={() => app.select(0)}>
        <Sign name="close" />
      </button>
      <div class="bigname">
        {tableTitle(table)} <span class="peer">{table.peer}</span>
      </div>
      <div class={`state ${late ? 'late' : ''}`}>
        <Glyph ball={table.ball} />
        <span class="what">
          <b>{capitalised(kind.words)}</b>
          <br />
          <span class="mid">{words}</span>
        </span>
        <span class="t">{table.since > 0 ? duration(now - table.since) : ''}</span>
      </div>
      <dl class="dl">
        <Fact name="Seated for" value={table.openedAt === null ? '–' : duration(now - table.openedAt)} />
        <Fact name="Bytes in" value={row === undefined ? '–' : bytes(row.bytesRead)} />
        <Fact name="Bytes out" value={row === undefined ? '–' : bytes(row.bytesWritten)} />
        <Fact name="Visits" value={count(table.visits)} />
        <Fact name="Its code, timed" value={table.ran > 0 ? duration(table.ran / 1000) : '–'} />
        <Fact name="Unsent" value={bytes(table.unsent)} />
      </dl>
    </section>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Where({ app, table }: Props): JSX.Element {
  void app.beat.value;
  void app.sources.changes.value;
  const place = app.live.places[table.place];
  return (
    <section>
      <h2>Where it waits</h2>
      {place === undefined ? (
        <p class="sub">The place is not known: places are sampled.</p>
      ) : (
        <>
          <Code lines={around(app, place, table.ball)} label={`source at ${place.text}`} />
          <p class="sub mono where">
            {place.function ?? ''} {place.text}:{place.column}
          </p>
        </>
      )}
    </section>
  );
}

function around(app: App, { file, line }: Place, ball: number): Parameters<typeof Code>[0]['lines'] {
  return [line - 1, line, line + 1]
    .filter((number) => number > 0)
    .map((number) => {
      const text = app.sources.line({ file, line: number });
      return number === line ? { number, text, tone: 'here', mark: <Glyph ball={ball} /> } : { number, text };
    });
}

function LastWaits({ app, table }: Props): JSX.Element {
  void app.beat.value;
  const now = app.now();
  const waits = [
    { ball: table.ball, ms: table.since > 0 ? now - table.since : 0, visits: 0 },
    ...table.past
      .slice(-6)
      .toReversed()
      .map(({ ball, from, to, visits }) => ({ ball, ms: to - from, visits })),
  ];
  const most = Math.log10(1 + Math.max(1, ...waits.map(({ ms }) => ms)));
  return (
    <section>
      <h2>Last waits</h2>
      <p class="sub">Newest first; the length is on a log scale.</p>
      <div class="rows">
        {waits.map(({ ball, ms, visits }, i) => (
          <div key={i} class={`row wait ${i === 0 ? '' : 'past'}`}>
            {ball < 0 ? <span /> : <Glyph ball={ball} />}
            <span>{ball < 0 ? counted(visits, 'visit') : kindOf(ball).mini}</span>
            <span
              class={`agebar ${ball < 0 ? 'several' : `k-${kindOf(ball).id}`}`}
              style={{ width: `${Math.max(1.5, (Math.log10(1 + ms) / most) * 100).toFixed(1)}%` }}
            />
            <span class={i === 0 ? 't' : 'r'}>{duration(ms)}</span>
          </div>
        ))}
      </div>
    </section>
  );
}

const BILL_WORDS: Readonly<Record<Bill['lines'][number]['what'], { readonly words: string; readonly class: string }>> =
  {
    own: { words: 'its own code', class: 'k-own' },
    peer: { words: 'its guest', class: 'k-read' },
    kitchen: { words: 'the kitchen', class: 'k-kitchen' },
    lock: { words: 'a lock or queue', class: 'k-other' },
    asleep: { words: 'the clock', class: 'k-clock' },
    ready: { words: 'ready, the loop elsewhere', class: 'k-block' },
    foreign: { words: 'a foreign promise', class: 'k-unseen' },
    other: { words: 'other tasks', class: 'k-other' },
    unknown: { words: 'not known', class: 'k-none' },
  };

function BillSection({ app, table }: Props): JSX.Element | null {
  const { answer, problem } = usePoll(app, 'bill', { client: table.id }, 1000);
  const bill = answer.value?.bill;
  if (bill === undefined) {
    return problem.value === '' ? null : (
      <section>
        <h2>Where its time went</h2>
        <p class="sub">{problem.value}</p>
      </section>
    );
  }
  const lines = bill.lines.filter(({ ms }) => ms > 0).toSorted((a, b) => b.ms - a.ms);
  return (
    <section>
      <h2>Where its time went</h2>
      <p class="sub">
        {duration(bill.wall)} in all{bill.full ? '' : '; its own code is estimated from one visit in 64'}.
      </p>
      <div class="share" aria-hidden="true">
        {lines.map(({ what, ms }) => (
          <i key={what} class={BILL_WORDS[what].class} style={{ flexGrow: ms / Math.max(1, bill.wall) }} />
        ))}
      </div>
      <div class="bill">
        {lines.map(({ what, ms, who }) => (
          <div key={what}>
            <i class={`key ${BILL_WORDS[what].class}`} />
            <span>
              {BILL_WORDS[what].words}
              {who?.[0] === undefined ? '' : `, ${what === 'lock' ? 'held by' : 'with'} ${who[0].name}`}
            </span>
            <span class="r">{duration(ms)}</span>
            <span class="r mid">{Math.round((ms / Math.max(1, bill.wall)) * 100)} %</span>
          </div>
        ))}
      </div>
    </section>
  );
}

function Cancel({ app, table }: Props): JSX.Element {
  const allowed = app.hello.value?.control === true;
  const asking = app.cancelling.value === table.id;
  if (!allowed) {
    return (
      <section class="foot">
        <button class="btn" type="button" disabled>
          Cancel this handler
        </button>
        <p class="sub">
          Read only, unless started with <span class="mono">MAITRE_INSPECT=control</span>.
        </p>
      </section>
    );
  }
  return (
    <section class="foot">
      <button class={`btn ${asking ? 'primary' : ''}`} type="button" onClick={() => void app.cancel(table.id)}>
        {asking ? 'Really cancel it' : 'Cancel this handler'}
      </button>{' '}
      {asking ? (
        <button
          class="btn"
          type="button"
          onClick={() => {
            app.cancelling.value = 0;
          }}
        >
          Leave it
        </button>
      ) : (
        <kbd>c</kbd>
      )}
      <p class="sub" role="status">
        {app.notice.value || (
          <>
            At the await above. Its <span class="mono">finally</span> runs, its connection closes.
          </>
        )}
      </p>
    </section>
  );
}
