// What somebody should look at, in whole sentences: what, the evidence, what to do.
import type { JSX } from 'preact';
import type { App } from '../app.ts';
import { timeOfDay } from '../format.ts';
import { Bow, Glyph } from '../icons.tsx';
import { DRAIN, KITCHEN, OTHER, UNSEEN } from '../kinds.ts';
import { usePoll } from '../panel/poll.ts';
import type { View } from '../view.ts';
import { Kept } from './blocks-view.tsx';

function Warnings({ app }: { readonly app: App }): JSX.Element {
  const { answer, problem } = usePoll(app, 'warnings', {}, 1000);
  const kept = usePoll(app, 'recordings', {}, 2000).answer.value?.recordings ?? []; // without the recorder, none
  const epoch = app.hello.value?.process.epoch ?? 0;
  const rows = answer.value?.warnings ?? [];
  return (
    <div class="view scroll" role="tabpanel">
      <div>
        <div class="pad">
          <h2>What somebody should look at</h2>
          <p class="sub">
            {problem.value ||
              answer.value?.sentence ||
              'Each is true now, or was within five minutes. They go by themselves.'}
          </p>
        </div>
        {rows.map(({ code, sentence, evidence, remedy, since }) => (
          <div key={`${code} ${since} ${sentence}`} class="warn">
            <WarningSign code={code} />
            <div>
              <p>
                <b>{sentence}</b> {evidence}
              </p>
              <p>{remedy}</p>
            </div>
            <span class="age">since {timeOfDay(epoch + since)}</span>
          </div>
        ))}
        {answer.value !== null && rows.length === 0 ? <p class="nothing">Nothing.</p> : null}
        {kept.map(({ id, at, what }) => (
          <div key={`kept ${id}`} class="pad">
            <p class="sub">
              Kept at {timeOfDay(epoch + at)}: {what}
            </p>
            <Kept app={app} id={id} />
          </div>
        ))}
      </div>
    </div>
  );
}

/** A sign by what the code of a warning is about; red only for what stops the loop. */
function WarningSign({ code }: { readonly code: string }): JSX.Element {
  if (/block|never-yields/.test(code)) return <Bow class="k-block" />;
  if (/drain|write/.test(code)) return <Glyph ball={DRAIN} />;
  if (/pool|starv|executor/.test(code)) return <Glyph ball={KITCHEN} />;
  if (/lock|queue|cycle|convoy/.test(code)) return <Glyph ball={OTHER} />;
  return <Glyph ball={UNSEEN} />;
}

export const warningsView: View = {
  id: 'warnings',
  label: 'Warnings',
  group: 'list',
  strip: true,
  panel: false,
  number: ({ live }) => live.frame?.numbers.warnings,
  body: Warnings,
};
