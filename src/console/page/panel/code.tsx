// Lines of the program with something in their margins: how many wait there, where the loop is, what is hot.
import type { JSX } from 'preact';

export interface CodeLine {
  readonly number: number;
  /** Undefined while the line is not known. */
  readonly text: string | undefined;
  /** What stands in the left margin. */
  readonly mark?: JSX.Element;
  /** What stands at the right: a count, or a word. */
  readonly end?: string;
  /** A bar behind the line, as a share of the width, in the colour of a class. */
  readonly fill?: { readonly share: number; readonly class: string };
  /** `hot`: the loop stands here. `here`: the line that is meant. */
  readonly tone?: 'hot' | 'here';
  readonly title?: string;
}

export function Code({ lines, label }: { readonly lines: readonly CodeLine[]; readonly label: string }): JSX.Element {
  return (
    <div class="code" role="group" aria-label={label}>
      {lines.map((line) => (
        <Line key={line.number} line={line} />
      ))}
    </div>
  );
}

function Line({ line }: { readonly line: CodeLine }): JSX.Element {
  const { number, text, mark, end, fill, tone, title } = line;
  const waits = text !== undefined && /\bawait\b/.test(text);
  return (
    <div class={`ln ${waits ? 'await' : ''} ${tone ?? ''}`} title={title ?? text?.trim() ?? ''}>
      {fill === undefined ? null : (
        <span class={`fill ${fill.class}`} style={{ width: `calc((100% - 58px) * ${fill.share.toFixed(3)})` }} />
      )}
      <span class="mk">{mark}</span>
      <i>{number}</i>
      <code>{text ?? ''}</code>
      <span class="cnt">{end ?? ''}</span>
    </div>
  );
}
