// The entry of the page: joins the transport, the state and the shell.
import { render } from 'preact';
import { App } from './app.ts';
import { listenToKeys } from './keys.ts';
import { Shell } from './shell.tsx';
import { escapeAllText } from './shown-text.ts';
import { sseTransport } from './sse-transport.ts';
import { rememberedTheme } from './theme.ts';

const chosen = new URLSearchParams(location.hash.slice(1));
const asked = chosen.get('theme') ?? rememberedTheme() ?? null;
const dark = asked === null ? matchMedia('(prefers-color-scheme: dark)').matches : asked === 'dark';
const app = new App(sseTransport('./'), chosen.get('view') ?? 'floor', dark ? 'dark' : 'light');
app.setTheme(app.theme.value.name);
if (asked === null) {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', ({ matches }) => {
    if (rememberedTheme() === undefined) app.setTheme(matches ? 'dark' : 'light');
  });
}
listenToKeys(app);
escapeAllText();
render(<Shell app={app} />, document.body);
app.start();
