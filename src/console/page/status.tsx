// The status line, the banner when the server is lost, and what is read out.
import type { JSX } from 'preact';
import type { App } from './app.ts';
import { count, duration, tableNumber, timeOfDay } from './format.ts';
import { Bow } from './icons.tsx';
import { blockTitle } from './words.ts';

export function StatusLine({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const { live } = app;
  const hello = app.hello.value;
  const wall = performance.now();
  return (
    <footer>
      <State app={app} wall={wall} />
      {hello === null ? null : (
        <>
          <span>{app.program}</span>
          <span>pid {hello.process.pid}</span>
          <span class="hide">{hello.process.runtime}</span>
          {hello.addresses?.[0] === undefined ? null : <span class="hide">{hello.addresses[0]}</span>}
          <span class="hide wide-only">maitre {hello.version}</span>
          <span class="hide">up {duration(hello.process.uptime + (wall - app.greetedAt))}</span>
        </>
      )}
      <span class="hide">{rate(app)}</span>
      {live.strip.length > 0 && live.strip.length < 60 ? (
        <span class="hide wide-only">charts begin {count(live.strip.length)} s ago</span>
      ) : null}
      <span class="grow" />
    </footer>
  );
}

function State({ app, wall }: { readonly app: App; readonly wall: number }): JSX.Element {
  if (app.lostAt.value !== 0) return <span class="bad">lost the server {duration(wall - app.lostAt.value)} ago</span>;
  if (app.heldAt.value !== 0) {
    return <span class="held">held for {duration(wall - app.heldAt.value)}, Space goes on</span>;
  }
  const { frame } = app.live;
  if (frame === null) return <span>connecting</span>;
  if (frame.fresh.how === 'stale') return <span>from {duration(frame.fresh.age)} ago</span>;
  const age = app.live.age(wall);
  if (age > 2000) return <span>no news for {duration(age)}</span>;
  return <span class="ok">live</span>;
}

function rate(app: App): string {
  const { frame } = app.live;
  if (frame === null) return '';
  const dropped = frame.dropped === 0 ? 'none dropped' : `${count(frame.dropped)} dropped`;
  const late = frame.omitted === undefined ? '' : `, ${count(frame.omitted)} changes to come`;
  return `${app.frameRate} frames/s, ${dropped}${late}`;
}

/** Says that the server is lost, and from when the picture is. */
export function Banner({ app }: { readonly app: App }): JSX.Element | null {
  if (app.lostAt.value === 0) return null;
  const why = app.lostWhy.value;
  const { live } = app;
  const epoch = app.hello.value?.process.epoch;
  const from = live.frame === null || epoch === undefined ? null : timeOfDay(epoch + live.frame.now);
  return (
    <div class="banner" role="alert">
      <Bow class="k-block" />
      <span>
        <b>{why === '' ? 'The server does not answer.' : `The server refused: ${why}.`}</b>{' '}
        {from === null ? '' : `What you see is from ${from}. `}Trying again every 2 s.
      </span>
      <button class="btn" type="button" onClick={() => app.transport.retry()}>
        Try now
      </button>
    </div>
  );
}

/** Blocks are read out, politely: when one is noticed, and when it is over. */
export function Announcer({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const { block } = app.live;
  let text = '';
  if (block !== null) {
    const table = app.live.tableOf(block);
    const who = table === undefined ? blockTitle(block) : `Table ${tableNumber(table.id)}`;
    const where = block.place?.function === undefined ? '' : ` in ${block.place.function}`;
    text = block.over
      ? `${who} held the waiter for ${Math.round(block.ms)} milliseconds${where}.`
      : `${who} holds the waiter${where}.`;
  }
  return (
    <div class="vh" aria-live="polite">
      {text}
    </div>
  );
}
