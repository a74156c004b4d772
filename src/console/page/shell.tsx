// What stands around every view: header with tabs, charts, side panel, status line, help.
import { useEffect } from 'preact/hooks';
import type { JSX, TargetedKeyboardEvent } from 'preact';
import type { App } from './app.ts';
import { count } from './format.ts';
import { Help } from './help.tsx';
import { Brand } from './icons.tsx';
import { Panel } from './panel/panel.tsx';
import { SignButton, ThemeButton } from './sign-button.tsx';
import { Announcer, Banner, StatusLine } from './status.tsx';
import { Strip } from './strip.tsx';
import type { View } from './view.ts';
import { views } from './views.ts';

export function Shell({ app }: { readonly app: App }): JSX.Element {
  const open = views.find(({ id }) => id === app.view.value) ?? views[0];
  if (open === undefined) throw new Error('Cannot show the page: it has no views');
  const Body = open.body;
  const Side = open.panel ?? Panel;
  const chosen = app.selected.value !== 0;
  const classes = [open.panel === false ? 'wide' : '', chosen ? 'sel' : '', app.lostAt.value === 0 ? '' : 'frozen'];
  return (
    <>
      <Header app={app} open={open} />
      {open.strip ? <Strip app={app} /> : <div />}
      <main class={classes.join(' ').trim()}>
        <Body key={open.id} app={app} />
        {Side === false ? null : (
          <aside aria-label="Details">
            <Side app={app} />
          </aside>
        )}
        <Banner app={app} />
      </main>
      <StatusLine app={app} />
      <Announcer app={app} />
      <Help app={app} />
      <Title app={app} />
    </>
  );
}

function Header({ app, open }: { readonly app: App; readonly open: View }): JSX.Element {
  const { hello } = app;
  const control = hello.value?.control === true;
  return (
    <header>
      <Brand />
      <nav role="tablist" aria-label="Views" onKeyDown={(event) => turnTab(app, event)}>
        {views.map((view, i) => (
          <>
            {view.group === 'list' && views[i - 1]?.group === 'picture' ? <span class="sep" /> : null}
            <Tab key={view.id} app={app} view={view} selected={view.id === open.id} />
          </>
        ))}
      </nav>
      <div class="right">
        <span class={`chip ${control ? 'on' : ''}`} title="What this page may do">
          {control ? 'control allowed' : 'read only'}
        </span>
        <ThemeButton onClick={() => app.toggleTheme()} />
        <SignButton
          sign="help"
          label="Legend and keys (?)"
          onClick={() => {
            app.helpOpen.value = true;
          }}
        />
      </div>
    </header>
  );
}

function Tab({
  app,
  view,
  selected,
}: {
  readonly app: App;
  readonly view: View;
  readonly selected: boolean;
}): JSX.Element {
  void app.beat.value;
  const number = view.number?.(app);
  const hot = view.id === 'blocks' && app.live.blocked;
  return (
    <button
      type="button"
      role="tab"
      tabIndex={selected ? 0 : -1}
      aria-selected={selected}
      data-view={view.id}
      onClick={() => app.open(view.id)}
    >
      {view.label}
      {number === undefined || number === 0 ? null : <span class={`n ${hot ? 'hot' : ''}`}>{count(number)}</span>}
    </button>
  );
}

/** The arrow keys among the tabs: the next one opens and has the focus. */
function turnTab(app: App, event: TargetedKeyboardEvent<HTMLElement>): void {
  const at = views.findIndex(({ id }) => id === app.view.value);
  const { length } = views;
  const to = new Map([
    ['ArrowLeft', (at + length - 1) % length],
    ['ArrowRight', (at + 1) % length],
    ['Home', 0],
    ['End', length - 1],
  ]).get(event.key);
  const view = views[to ?? -1];
  if (view === undefined || event.metaKey || event.ctrlKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation(); // the floor has arrow keys too
  app.open(view.id);
  event.currentTarget.querySelector<HTMLElement>(`[data-view=${view.id}]`)?.focus();
}

/** The title of the tab says the one thing that one wants to know from afar. */
function Title({ app }: { readonly app: App }): null {
  void app.beat.value;
  const { live } = app;
  const tables = live.tables.length;
  const state =
    app.lostAt.value !== 0
      ? 'No answer'
      : live.blocked
        ? 'Blocked'
        : `${count(tables)} ${tables === 1 ? 'table' : 'tables'}`;
  const file = app.program;
  const title = file === '' ? state : `${state}: ${file}`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  return null;
}
