// Pages in a real browser: Chromium, where the machine has it.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { chromiumPath, launch } from './chromium.js';

/** Why nothing can run in a real browser here; false where it can. */
export const noBrowser: string | false =
  !existsSync(chromiumPath) && process.env['CI'] === undefined ? `SKIPPED: there is no ${chromiumPath}` : false;

/** The browser of this process, from before its first test to the end of its last one: a start takes a second. */
let running: Browser | undefined;

before(async () => {
  if (existsSync(chromiumPath)) running = await launch();
});
after(() => running?.close());

/** Runs `fn` with a browser. Afterwards its pages are closed, with all that they kept. */
export async function withBrowser<T>(fn: (browser: Browser) => Promise<T>): Promise<T> {
  if (running === undefined) throw new Error(`There is no ${chromiumPath}: skip the test, with noBrowser`);
  try {
    return await fn(running);
  } finally {
    for (const context of running.contexts()) await context.close();
  }
}

/** Runs `fn` with a page that knows nothing of others. `errors` collects what no code of the page caught. */
export function withPage<T>(fn: (page: Page, errors: readonly unknown[]) => Promise<T>): Promise<T> {
  return withBrowser(async (started) => {
    const page = await started.newPage();
    const errors: unknown[] = [];
    page.on('pageerror', (error) => errors.push(error));
    return fn(page, errors);
  });
}

export interface Site extends AsyncDisposable {
  readonly origin: string;
}

/**
 * Serves what `read` returns for a path, and 404 for undefined. With `isolated`, its pages may share memory with their
 * workers.
 */
export async function serveSite(
  read: (path: string) => string | undefined,
  { isolated = false }: { readonly isolated?: boolean } = {},
): Promise<Site> {
  const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site');
    const text = read(pathname);
    const type = pathname.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': type, ...(isolated ? isolation : {}) });
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
