// The sentence above the floor: the very text that the process sends. Its first clause stands out.
import type { JSX } from 'preact';
import type { App } from './app.ts';

export function Sentence({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const { frame, blocked } = app.live;
  const text = frame?.sentence ?? 'Waiting for the first news.';
  const end = clauseEnd(text);
  return (
    <div class="say" title={text}>
      <b class={blocked ? 'red' : ''}>{text.slice(0, end)}</b>
      {text.slice(end)}
    </div>
  );
}

/** Where the first clause ends: before a comma, semicolon or colon, after a full stop. What is quoted or in brackets is whole. */
export function clauseEnd(text: string): number {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '"') quoted = !quoted;
    else if (sign === '(') depth++;
    else if (sign === ')') depth--;
    const next = text[at + 1];
    if (quoted || depth > 0 || (next !== undefined && next !== ' ')) continue;
    if (sign === ',' || sign === ';' || sign === ':') return at;
    if (sign === '.') return at + 1;
  }
  return text.length;
}
