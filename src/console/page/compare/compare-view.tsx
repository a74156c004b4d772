// Side by side: two real runs of one dinner, replayed in step.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { App } from '../app.ts';
import { count } from '../format.ts';
import type { View } from '../view.ts';
import { Code } from './code.tsx';
import { BOTH, Comparison, type One } from './comparison.ts';
import type { Choice, Pair, Standing } from './dinner.ts';
import { resultOf } from './replay.ts';
import { Stage } from './stage.ts';

const comparison = new Comparison();

function CompareBody({ app }: { readonly app: App }): JSX.Element {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (comparison.pair.value === null) void comparison.run(comparison.choice.value);
    if (root.current === null) return undefined;
    const stage = new Stage(comparison, root.current, app.theme);
    return () => stage.stop();
  }, [app]);
  void comparison.beat.value;
  const pair = comparison.pair.value;
  const { standing, guests } = comparison.choice.value;
  return (
    <div class="view cmp" role="tabpanel" ref={root}>
      <div class="cmp-head">
        <div>
          <h1>
            The same {guests === 1 ? 'guest' : `${count(guests)} guests`}, the same handler,{' '}
            {standing === 'concurrency' ? 'one option apart' : 'one word apart'}
          </h1>
          <p class="say" data-testid="result" aria-live="polite">
            {result(pair)}
          </p>
        </div>
        <span class="grow" />
        <button class="btn" type="button" onClick={() => comparison.restart()}>
          Again
        </button>
        <button class="btn primary" type="button" onClick={() => comparison.play()}>
          {comparison.playing.value ? 'Pause' : comparison.over ? 'Play' : 'Go on'}
        </button>
      </div>
      <Choices />
      <div class="pair">
        {BOTH.map((one) => (
          <HalfHead key={one} one={one} />
        ))}
        {BOTH.map((one) => (
          <div key={one} class="canvasbox" data-half={one}>
            <canvas role="img" aria-label={`The floor of the waiter who ${one === 'stands' ? 'stands' : 'walks on'}`} />
          </div>
        ))}
      </div>
      <div class="bottom">
        {BOTH.map((one) => (
          <div key={one}>
            <canvas class="bars" data-bars={one} role="img" aria-label="For whom each guest waited" />
            <Code comparison={comparison} one={one} />
          </div>
        ))}
      </div>
    </div>
  );
}

function result(pair: Pair | null): string {
  if (comparison.failure.value !== '') return comparison.failure.value;
  if (pair === null) return 'Both dinners are being served.';
  if (comparison.over) return resultOf(pair);
  return 'Two runs of the library in this page, on virtual time. Shown at 1/5 of the speed, each visit for 0.1 s.';
}

function Choices(): JSX.Element {
  const choice = comparison.choice.value;
  const set = (change: Partial<Choice>): void => void comparison.run({ ...choice, ...change });
  const standings: readonly (readonly [Standing, string])[] = [
    ['concurrency', 'concurrency: 1'],
    ['blocking', 'cookSync'],
  ];
  return (
    <div class="choices">
      <label>
        Guests
        <input
          type="range"
          min="1"
          max="16"
          value={choice.guests}
          onInput={(event) => set({ guests: Number(event.currentTarget.value) })}
        />
        <output>{choice.guests}</output>
      </label>
      <label title="Of the work for a guest. The rest is the handler’s own code.">
        Share of the kitchen
        <input
          type="range"
          min="0"
          max="100"
          step="10"
          value={Math.round(choice.kitchen * 100)}
          onInput={(event) => set({ kitchen: Number(event.currentTarget.value) / 100 })}
        />
        <output>{Math.round(choice.kitchen * 100)} %</output>
      </label>
      <label>
        Seed
        <input
          class="seed"
          type="number"
          min="0"
          max="999999"
          value={choice.seed}
          onChange={(event) => set({ seed: Math.max(0, Math.trunc(Number(event.currentTarget.value)) || 0) })}
        />
      </label>
      <span class="grow" />
      <span class="lab">The waiter stands because of</span>
      <div class="seg" role="group" aria-label="The waiter stands because of">
        {standings.map(([standing, label]) => (
          <button
            key={standing}
            class="mono"
            type="button"
            aria-pressed={choice.standing === standing}
            onClick={() => set({ standing })}
          >
            {label}
          </button>
        ))}
      </div>
    </div>
  );
}

function HalfHead({ one }: { readonly one: One }): JSX.Element {
  void comparison.beat.value;
  const { standing, guests } = comparison.choice.value;
  const scene = comparison.scene(one);
  const what =
    one === 'walks'
      ? (['Hands the order in and goes to the next table.', 'no limit'] as const)
      : standing === 'concurrency'
        ? (['Stays with one guest until it is served.', 'concurrency: 1'] as const)
        : (['Cooks the meal at the table.', 'kitchen.cookSync(order)'] as const);
  const served = scene?.served ?? 0;
  return (
    <div class="hd">
      <div>
        <b>{one === 'stands' ? 'The waiter who stands' : 'The waiter who walks on'}</b>
        <p>
          {what[0]} <span class="mono">{what[1]}</span>
        </p>
      </div>
      <div>
        <div class="clock" data-testid={`clock-${one}`}>
          {((scene?.now ?? 0) / 1000).toFixed(3)}
          <small> s</small>
        </div>
        <div class="done">{served === guests ? 'all served' : `${served} of ${guests} served`}</div>
      </div>
    </div>
  );
}

export const compareView: View = {
  id: 'compare',
  label: 'Side by side',
  group: 'picture',
  strip: false,
  panel: false,
  body: CompareBody,
  onKey: (_app, { key }) => {
    if (key !== ' ') return false;
    comparison.play();
    return true;
  },
};
