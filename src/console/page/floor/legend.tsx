// The legend: what each shape means, how many there are, and a filter, in one.
import type { JSX } from 'preact';
import type { App } from '../app.ts';
import { count } from '../format.ts';
import { Glyph } from '../icons.tsx';
import { KINDS } from '../kinds.ts';
import { countKinds } from './live-picture.ts';
import type { FloorStage } from './stage.ts';

export function Legend({ app, stage }: { readonly app: App; readonly stage: () => FloorStage | null }): JSX.Element {
  void app.beat.value;
  const counts = countKinds(app.live);
  const only = app.only.value;
  return (
    <div class="legend">
      {KINDS.map(({ id, words, long }, ball) => (
        <button
          key={id}
          type="button"
          aria-pressed={only === ball}
          title={long}
          onClick={() => {
            app.only.value = only === ball ? -1 : ball;
          }}
        >
          <Glyph ball={ball} />
          <span>{words}</span>
          <b>{count(counts[ball] ?? 0)}</b>
        </button>
      ))}
      <span class="ends" title="What part of the visits is drawn">
        {endOf(app, stage())}
      </span>
    </div>
  );
}

/** What part of the visits is shown: the walk is drawn, and says so. */
function endOf(app: App, stage: FloorStage | null): string {
  const { live } = app;
  if (stage?.floor.still === true) return 'held while you point';
  if (app.heldAt.value !== 0) return 'held';
  if (live.blocked) return live.rooms.length > 1 ? 'a waiter stands' : 'the waiter stands';
  const made = live.strip.at(-1)?.visits ?? 0;
  if (made === 0 || stage === null) return '';
  const shown = stage.walk.shownRate(performance.now());
  return shown >= made * 0.9
    ? `every visit, ${count(made)}/s`
    : `${Math.max(1, Math.round(shown))} of ${count(made)} visits/s`;
}
