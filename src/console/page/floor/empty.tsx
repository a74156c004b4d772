// Nobody is there yet: what to do about it, over laid tables.
import type { JSX } from 'preact';
import type { App } from '../app.ts';

export function Empty({ app }: { readonly app: App }): JSX.Element | null {
  void app.beat.value;
  const { live } = app;
  if (live.frame === null || live.tables.length > 0 || live.blocked) return null;
  const address = addressOf(app);
  return (
    <div class="empty">
      <div>
        <h1>The tables are laid</h1>
        {address === null ? (
          <p>No task runs and no server listens yet. Whoever comes is seen here.</p>
        ) : (
          <>
            <p>
              The server listens on {address.host}:{address.port}, and nobody is here. In another terminal, type one of
              these, and then a line:
            </p>
            <pre>{`npx maitre connect ${address.host}:${address.port}\nnc ${address.host} ${address.port}`}</pre>
          </>
        )}
      </div>
    </div>
  );
}

/** Where the first server listens on TCP. */
function addressOf(app: App): { readonly host: string; readonly port: string } | null {
  for (const address of app.hello.value?.addresses ?? []) {
    const [, host = '', port = ''] = /^([\w.:[\]-]+):(\d+)$/.exec(address) ?? [];
    if (port !== '') return { host, port };
  }
  return null;
}
