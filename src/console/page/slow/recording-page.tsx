// The entry of a recording's file: slow motion over a recording that stands in the file itself. It
// asks nobody for anything, so it opens from a disk without a network.
import { type Signal, signal } from '@preact/signals';
import { type JSX, render } from 'preact';
import { type PackedRecording, type Recording, unpackRecording } from '../../../inspect/protocol/index.ts';
import { Brand } from '../icons.tsx';
import { duration, timeOfDay } from '../format.ts';
import { escapeAllText } from '../shown-text.ts';
import { applyTheme, DARK, LIGHT, type Theme } from '../theme.ts';
import { ThemeButton } from '../sign-button.tsx';
import { Player } from './player.ts';
import { Replay } from './replay-view.tsx';
import { ReplayPanel } from './replay-panel.tsx';
import { reach } from './sentences.ts';

const REASONS: Readonly<Record<Recording['reason'], string>> = {
  request: 'on request',
  block: 'because the loop was blocked',
  error: 'because an error reached nobody',
  warning: 'because of a warning',
};

/** The file name alone: `orders.ts`. */
function programOf({ process: { file } }: Recording): string {
  return file.replace(/^.*[/\\]/, '');
}

function toggleTheme(theme: Signal<Theme>): void {
  theme.value = theme.value.name === 'dark' ? LIGHT : DARK;
}

function FilePage({ player, theme }: { readonly player: Player; readonly theme: Signal<Theme> }): JSX.Element {
  const { recording, length } = player.history;
  const { process, to, reason, blocks } = recording;
  const date = new Date(process.epoch + to);
  return (
    <>
      <header>
        <Brand />
        <p class="file-title">
          <b>Recording of {programOf(recording) || 'a program'}</b>, {duration(length)} up to{' '}
          {timeOfDay(process.epoch + to, { ms: true })} on {date.toLocaleDateString('en', { dateStyle: 'medium' })},
          frozen {REASONS[reason]}. <span class="reach">{reach(player.history)}</span>
        </p>
        <div class="right">
          <ThemeButton onClick={() => toggleTheme(theme)} />
        </div>
      </header>
      <div />
      <main>
        <Replay player={player} theme={theme}>
          {blocks.length === 0 ? null : (
            <button class="btn" type="button" onClick={() => player.showBlock()}>
              {blocks.length === 1 ? 'The block' : 'The longest block'}
            </button>
          )}
        </Replay>
        <aside aria-label="Details">
          <ReplayPanel player={player} />
        </aside>
      </main>
      <footer>
        <span>frozen</span>
        <span>{programOf(recording)}</span>
        <span>pid {process.pid}</span>
        <span>{process.runtime}</span>
        <span class="hide">up {duration(process.uptime)}</span>
        <span class="hide">{recording.full ? 'every step was timed' : 'one step in 64 was timed'}</span>
      </footer>
    </>
  );
}

function start(): void {
  const data = document.getElementById('recording')?.textContent ?? '';
  const recording = unpackRecording(JSON.parse(data) as PackedRecording); // written by recordingFile
  const asked = new URLSearchParams(location.hash.slice(1)).get('theme');
  const dark = asked === null ? matchMedia('(prefers-color-scheme: dark)').matches : asked === 'dark';
  const theme = signal(dark ? DARK : LIGHT);
  theme.subscribe((now) => applyTheme(now, document.documentElement));
  const player = new Player(recording, matchMedia('(prefers-reduced-motion: reduce)').matches);
  document.title = `Recording of ${programOf(recording) || 'a program'}`;
  document.addEventListener('keydown', (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const target = event.target instanceof HTMLElement ? event.target : null;
    if (target?.matches('button') === true && (event.key === ' ' || event.key === 'Enter')) return;
    if (event.key === 't') toggleTheme(theme);
    else if (!player.key(event.key)) return;
    event.preventDefault();
  });
  escapeAllText();
  render(<FilePage player={player} theme={theme} />, document.body);
}

start();
