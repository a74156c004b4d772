// The glyphs of the page, drawn by hand: the same six shapes as on the floor, the mark, and a few signs for buttons.
import type { JSX } from 'preact';
import { kindOf } from './kinds.ts';

const GLYPHS: Readonly<Record<string, JSX.Element>> = {
  read: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="2.4" />,
  drain: <rect x="1.4" y="1.4" width="9.2" height="9.2" fill="currentColor" />,
  kitchen: <path d="M6 .6 11.6 10.9H.4Z" fill="currentColor" />,
  other: <path d="M6 0 12 6 6 12 0 6Z" fill="currentColor" />,
  clock: <path d="M1.6.6h8.8L1.6 11.4h8.8Z" fill="currentColor" />,
  unseen: (
    <circle cx="6" cy="6" r="4.4" fill="none" stroke="currentColor" stroke-width="1.8" stroke-dasharray="2.6 2" />
  ),
};

/** The glyph of a kind, in its colour. */
export function Glyph({ ball }: { readonly ball: number }): JSX.Element {
  const { id } = kindOf(ball);
  return (
    <svg class={`glyph k-${id}`} viewBox="0 0 12 12" aria-hidden="true">
      {GLYPHS[id]}
    </svg>
  );
}

/** The bow tie in a disc: the loop, and the mark of the product. */
export function Bow({ class: name = '' }: { readonly class?: string }): JSX.Element {
  return (
    <svg class={`bow ${name}`} viewBox="0 0 12 12" aria-hidden="true">
      <circle cx="6" cy="6" r="5.6" fill="currentColor" />
      <path class="paper" d="M2.8 3.7 6 5.5l3.2-1.8v4.6L6 6.5 2.8 8.3Z" />
    </svg>
  );
}

/** The mark with the name. */
export function Brand(): JSX.Element {
  return (
    <div class="brand">
      <Bow />
      <span>maitre</span>
    </div>
  );
}

/** The signs of buttons. */
export type SignName = 'close' | 'theme' | 'help' | 'play' | 'pause' | 'previous' | 'next';

const SIGNS: Readonly<Record<SignName, JSX.Element>> = {
  close: <path d="m4 4 8 8m0-8-8 8" stroke="currentColor" stroke-width="1.5" />,
  theme: (
    <>
      <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.4" />
      <path d="M8 2.5a5.5 5.5 0 0 1 0 11Z" fill="currentColor" />
    </>
  ),
  help: (
    <path
      d="M5.4 6a2.6 2.6 0 1 1 4 2.2c-.9.6-1.4 1-1.4 2M8 12.2v.6"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
    />
  ),
  play: <path d="M5 3v10l8-5Z" fill="currentColor" />,
  pause: <path d="M4.5 3h2.5v10H4.5zM9 3h2.5v10H9z" fill="currentColor" />,
  previous: <path d="M12 3v10L5 8ZM3.5 3H5v10H3.5z" fill="currentColor" />,
  next: <path d="M4 3v10l7-5ZM11 3h1.5v10H11z" fill="currentColor" />,
};

/** A sign on a button. The button's label says what it means. */
export function Sign({ name }: { readonly name: SignName }): JSX.Element {
  return (
    <svg class="sign" viewBox="0 0 16 16" aria-hidden="true">
      {SIGNS[name]}
    </svg>
  );
}
