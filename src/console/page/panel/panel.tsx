// The side panel: the chosen table, or what concerns all of them.
import type { JSX } from 'preact';
import type { App } from '../app.ts';
import { Detail } from './detail.tsx';
import { Home } from './home.tsx';

export function Panel({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const id = app.selected.value;
  const table = app.live.byId.get(id);
  if (id === 0) return <Home app={app} />;
  return table === undefined ? <Gone app={app} id={id} /> : <Detail key={id} app={app} table={table} />;
}

function Gone({ app, id }: { readonly app: App; readonly id: number }): JSX.Element {
  return (
    <section>
      <h2>Table {id} is gone</h2>
      <p class="sub">{app.notice.value || 'Its handler has ended. The list of ended ones says how.'}</p>
      <button class="btn" type="button" onClick={() => app.select(0)}>
        Close
      </button>{' '}
      <button class="btn" type="button" onClick={() => app.open('ended')}>
        Ended
      </button>
    </section>
  );
}
