// What everything on the page means, and its keys.
import { useEffect, useRef } from 'preact/hooks';
import type { ComponentChildren, JSX } from 'preact';
import type { App } from './app.ts';
import { Bow, Glyph } from './icons.tsx';
import { capitalised, KITCHEN, KINDS, READ } from './kinds.ts';

const KEYS: readonly (readonly [string, string])[] = [
  ['1 … 8', 'the views'],
  ['arrows', 'table to table, visit to visit'],
  ['Esc', 'close'],
  ['s', 'slow motion of the next 200 ms'],
  ['g', 'seats, how long, where in code'],
  ['Space', 'hold; play, pause'],
  ['+ −', 'zoom the lanes'],
  ['/', 'filter'],
  ['j k', 'down, up a list'],
  ['c', 'cancel, where allowed'],
  ['t', 'light, dark'],
  ['?', 'this page'],
];

export function Help({ app }: { readonly app: App }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = app.helpOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  const close = (): void => {
    app.helpOpen.value = false;
  };
  return (
    <dialog
      ref={dialog}
      aria-label="Legend and keys"
      onClose={close}
      onClick={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      {open ? <Pages /> : null}
    </dialog>
  );
}

function Pages(): JSX.Element {
  return (
    <>
      <h1>What you see</h1>
      <div class="pad">
        <h2>A table is a client. What stands on it says whom it waits for.</h2>
        {KINDS.map(({ id, words, long, api }, ball) => (
          <Item key={id} sign={<Glyph ball={ball} />} name={`${capitalised(words)}.`}>
            {long} <span class="faint">{api}</span>
          </Item>
        ))}
        <h2>The house</h2>
        <Item sign={<Bow />} name="The waiter">
          is the event loop: at one table at a time, and only while your code runs. The visits are true, a sample of
          them is shown; the walk is drawn.
        </Item>
        <Item sign={<Bow class="k-block" />} name="The waiter in red">
          cannot walk on: code at that table runs without an await, and nobody else is served.
        </Item>
        <Item sign={<Ring class="wall" fill />} name="Outside">
          wait the guests that limits keep there: accepted, unread, without a handler.
        </Item>
        <Item sign={<Ring class="faint" dashes="2 1.6" />} name="A dashed table">
          is free; dashed with a number, its guest is seated but no handler runs yet (concurrency).
        </Item>
        <Item sign={<Glyph ball={KITCHEN} />} name="The kitchen">
          is the executor: a stove is a worker, a ticket on the rail a job that waits for one. The number is the
          table’s.
        </Item>
        <Item sign={<Ring class="faint" fill />} name="A guest">
          at a table has colour while it is the guest who is waited for.
        </Item>
        <Item sign={<Bar />} name="The bar beneath a table">
          is its last three seconds; each tick is a visit, dark are several between two looks.
        </Item>
        <Item sign={<Ring class="faint" thin />} name="A ring that fades">
          means visited just now: up to 400 tables a look, not a sample.
        </Item>
        <Item sign={<Ring class="faint" dashes="2 1.6" />} name="“Mostly”">
          means that the table changes faster than one can read, and is drawn by where it spent most of the last second.
        </Item>
        <Item sign={<Ring class="k-kitchen" />} name="A plate on the counter">
          is a job that the kitchen has done and the waiter has not fetched yet.
        </Item>
        <Item sign={<Thread />} name="The line in slow motion">
          is the one thread of the program, from table to table. Hatched in red: called, not yet served; pale: since
          when is not known.
        </Item>
        <h2>Keys</h2>
        <div class="keys">
          {KEYS.map(([key, words]) => (
            <span key={key}>
              <kbd>{key}</kbd> {words}
            </span>
          ))}
        </div>
      </div>
    </>
  );
}

function Item({
  sign,
  name,
  children,
}: {
  readonly sign: JSX.Element;
  readonly name: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="li">
      {sign}
      <span>
        <b>{name}</b> {children}
      </span>
    </div>
  );
}

function Ring({
  class: name,
  dashes,
  fill = false,
  thin = false,
}: {
  readonly class: string;
  readonly dashes?: string;
  readonly fill?: boolean;
  readonly thin?: boolean;
}): JSX.Element {
  return (
    <svg class={name} viewBox="0 0 12 12" aria-hidden="true">
      <circle
        cx="6"
        cy="6"
        r={fill ? 4.6 : 4.4}
        fill={fill ? 'currentColor' : 'none'}
        stroke={fill ? 'none' : 'currentColor'}
        stroke-width={thin ? 0.8 : 1.8}
        stroke-dasharray={dashes ?? 'none'}
      />
    </svg>
  );
}

function Bar(): JSX.Element {
  return (
    <svg viewBox="0 0 12 12" aria-hidden="true">
      <path class={`k-${KINDS[READ]?.id ?? ''}`} d="M0 6h12" stroke="currentColor" stroke-width="4" />
      <path d="M4 2.5v7M9 2.5v7" stroke="currentColor" />
    </svg>
  );
}

function Thread(): JSX.Element {
  return (
    <svg viewBox="0 0 12 12" aria-hidden="true">
      <path d="M0 2h4v8h4V4h4" fill="none" stroke="currentColor" stroke-width="1.4" />
    </svg>
  );
}
