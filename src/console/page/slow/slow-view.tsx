// The view of slow motion: records a moment of the running process, and replays it.
import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { unpackRecording } from '../../../inspect/protocol/index.ts';
import type { App } from '../app.ts';
import type { View } from '../view.ts';
import { Player } from './player.ts';
import { ReplayPanel } from './replay-panel.tsx';
import { Replay } from './replay-view.tsx';

/** What a recording takes, in milliseconds. */
const LENGTH = 200;

/** The recording of the page. */
class Recorder {
  readonly player: Signal<Player | null> = signal<Player | null>(null);
  readonly recording: Signal<boolean> = signal(false);
  readonly failure: Signal<string> = signal('');
  /** The wishes that were served: see `App.recordings`. */
  #served = -1;

  /** Records, if that was asked for since, or if there is nothing to show. */
  async follow(app: App): Promise<void> {
    const wishes = app.recordings.value;
    const asked = wishes !== this.#served && !(this.#served < 0 && wishes === 0 && this.player.value !== null);
    this.#served = wishes;
    if (asked && !this.recording.value) await this.record(app, app.wantedRecording);
  }

  async record(app: App, frozen?: number): Promise<void> {
    this.recording.value = true;
    this.player.value?.play(false);
    try {
      const { recording } = await app.transport.request('record', frozen === undefined ? { ms: LENGTH } : { frozen });
      this.player.value = new Player(
        unpackRecording(recording),
        matchMedia('(prefers-reduced-motion: reduce)').matches,
      );
      this.failure.value = '';
    } catch (error) {
      this.failure.value = error instanceof Error ? error.message : String(error);
    } finally {
      this.recording.value = false;
    }
  }
}

const recorder = new Recorder();

function SlowBody({ app }: { readonly app: App }): JSX.Element {
  const wishes = app.recordings.value;
  useEffect(() => void recorder.follow(app), [app, wishes]);
  const player = recorder.player.value;
  if (player === null) {
    return (
      <div class="view slow-empty" role="tabpanel">
        <h1>{recorder.failure.value === '' ? `Recording the next ${LENGTH} ms` : 'Nothing was recorded'}</h1>
        <p>
          {recorder.failure.value ||
            'Every step of every task, with its microseconds. It is replayed so slowly that one can follow it.'}
        </p>
        {recorder.recording.value ? null : <RecordButton app={app} />}
      </div>
    );
  }
  return (
    <Replay key={player.history.recording.from} player={player} theme={app.theme}>
      <RecordButton app={app} />
      {recorder.failure.value === '' ? null : <span class="say red">{recorder.failure.value}</span>}
    </Replay>
  );
}

function RecordButton({ app }: { readonly app: App }): JSX.Element {
  const busy = recorder.recording.value;
  return (
    <button
      class="btn"
      type="button"
      disabled={busy}
      title="Record the next 200 ms (s)"
      onClick={() => void recorder.record(app)}
    >
      <span class="dot" />
      {busy ? 'Recording' : `Record ${LENGTH} ms`}
    </button>
  );
}

function SlowPanel(): JSX.Element {
  const player = recorder.player.value;
  if (player !== null) return <ReplayPanel player={player} />;
  return (
    <section>
      <h2>Slow motion</h2>
      <p class="sub">The next {LENGTH} ms, as they were measured: nothing in between is made up.</p>
    </section>
  );
}

export const slowView: View = {
  id: 'slow',
  label: 'Slow motion',
  group: 'picture',
  strip: false,
  panel: SlowPanel,
  body: SlowBody,
  onKey: (_app, { key }) => recorder.player.value?.key(key) ?? false,
};
