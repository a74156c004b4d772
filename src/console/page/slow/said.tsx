// A sentence of slow motion, printed.
import type { JSX } from 'preact';
import { Glyph } from '../icons.tsx';
import { KINDS } from '../kinds.ts';
import type { Words } from './sentences.ts';

export function Said({ words }: { readonly words: readonly Words[] }): JSX.Element {
  return (
    <>
      {words.map(({ text, strong, ball }, n) => (
        <span key={n}>
          {ball === undefined ? null : <Glyph ball={KINDS.findIndex(({ id }) => id === ball)} />}
          {ball === undefined ? '' : ' '}
          {strong === true ? <b>{text}</b> : text}
        </span>
      ))}
    </>
  );
}
