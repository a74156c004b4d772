// The side panel of slow motion: the sentence of the step, the code, all visits.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { duration } from '../format.ts';
import { Bow, Glyph } from '../icons.tsx';
import { KINDS } from '../kinds.ts';
import { type CodeLine, codeOf, unindented } from './code.ts';
import type { Stay } from './history.ts';
import type { Player } from './player.ts';
import { Said } from './said.tsx';
import { sentenceOf } from './sentences.ts';
import { visitAt } from './timeline.ts';

/** Pixels of a row of the list. */
const ROW = 24;

export function ReplayPanel({ player }: { readonly player: Player }): JSX.Element {
  void player.step.value;
  const { history, piece } = player;
  const sentence = sentenceOf(history, piece);
  const stay = piece.stay ?? piece.last;
  return (
    <div class="stack">
      <div class="sent" data-testid="sentence">
        <small>{sentence.head}</small>
        <Said words={sentence.words} />
      </div>
      <Code lines={unindented(codeOf(history, stay, piece.stay !== undefined))} stay={stay} />
      <Stack stay={piece.stay} />
      <Visits player={player} />
    </div>
  );
}

function Code({ lines, stay }: { readonly lines: readonly CodeLine[]; readonly stay: Stay | undefined }): JSX.Element {
  const to = stay?.visit.to?.ball;
  if (lines.length === 0)
    return <p class="sub none">{stay === undefined ? 'No code ran yet.' : 'The lines of code are not known.'}</p>;
  return (
    <section class="steps-code">
      <div class="code">
        {lines.map(({ line, text, mark, awaits, after }) => (
          <div key={line} class={['ln', awaits ? 'await' : '', classOf(mark), after ? 'after' : ''].join(' ')}>
            <span class="mk">
              {mark === 'resumes' ? <Bow /> : null}
              {mark === 'stops' || mark === 'waits' ? <BallGlyph ball={to} /> : null}
              {mark === 'stands' ? <Bow class="k-block" /> : null}
            </span>
            <i>{line}</i>
            <code>{text}</code>
            <span class="cnt">
              <small>{mark === 'waits' ? '' : mark}</small>
            </span>
          </div>
        ))}
      </div>
    </section>
  );
}

function classOf(mark: CodeLine['mark']): string {
  switch (mark) {
    case 'stands':
      return 'hot';
    case 'resumes':
      return 'from';
    case 'stops':
      return 'to';
    case 'waits':
    default:
      return '';
  }
}

function BallGlyph({ ball }: { readonly ball: (typeof KINDS)[number]['id'] | undefined }): JSX.Element | null {
  return ball === undefined ? null : <Glyph ball={KINDS.findIndex(({ id }) => id === ball)} />;
}

/** The stack of a block, as the watchdog saw it. */
function Stack({ stay }: { readonly stay: Stay | undefined }): JSX.Element | null {
  const block = stay?.block;
  if (block === undefined) return null;
  return (
    <section class="stack-of" data-testid="stack">
      <h2>What ran</h2>
      {block.stack.length === 0 ? <p class="sub">{block.why ?? 'No stack was taken.'}</p> : null}
      <ol class="mono">
        {block.stack.slice(0, 8).map((frame, n) => (
          <li key={n}>{frame}</li>
        ))}
      </ol>
    </section>
  );
}

/** All visits, of which those in view are in the page. */
function Visits({ player }: { readonly player: Player }): JSX.Element {
  void player.step.value;
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const { stays } = player.history;
  const current = visitAt(player.timeline, player.at);
  useLayoutEffect(() => {
    const list = box.current;
    if (list === null || current < 0) return;
    const y = current * ROW;
    if (y < list.scrollTop || y + ROW > list.scrollTop + list.clientHeight) {
      list.scrollTop = y - list.clientHeight * 0.4;
    }
  }, [current, player]);
  const first = Math.max(0, Math.floor(top.value / ROW) - 10);
  const shown = stays.slice(first, first + 70);
  return (
    <div
      class="steps"
      ref={box}
      data-testid="visits"
      onScroll={({ currentTarget }) => {
        top.value = currentTarget.scrollTop;
      }}
    >
      <div style={{ height: `${stays.length * ROW}px`, position: 'relative' }}>
        <div style={{ position: 'absolute', top: `${first * ROW}px`, left: 0, right: 0 }}>
          {shown.map((stay) => (
            <Visit key={stay.index} player={player} stay={stay} current={current} />
          ))}
        </div>
      </div>
    </div>
  );
}

interface VisitProps {
  readonly player: Player;
  readonly stay: Stay;
  readonly current: number;
}

function Visit({ player, stay, current }: VisitProps): JSX.Element {
  const { index, begin, ms, exact, stands, visit } = stay;
  const table = player.history.tables[stay.table];
  const state = index === current ? 'now' : index < current ? 'past' : '';
  return (
    <button
      class={`step ${state} ${stands ? 'bad' : ''}`}
      type="button"
      data-visit={index}
      onClick={() => player.show(index)}
    >
      <span>{index + 1}</span>
      <span>+{begin.toFixed(3)}</span>
      <span class="who">
        <b>{table?.name}</b>
        <span class="way">
          <BallGlyph ball={visit.from?.ball} />
          {' → '}
          {visit.to === null ? visit.ended ? 'ends' : <BallGlyph ball="unseen" /> : <BallGlyph ball={visit.to.ball} />}
        </span>
      </span>
      <span title={exact ? undefined : 'Its end was not measured: at most so long'}>
        {exact ? '' : '≤ '}
        {duration(ms)}
      </span>
    </button>
  );
}
