// Pages in a real browser: Chromium, where the machine has it.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Page } from 'playwright-core';

const browser = '/usr/bin/chromium';

/** Why nothing can run in a real browser here; false where it can. */
export const noBrowser: string | false =
  !existsSync(browser) && process.env['CI'] === undefined ? `SKIPPED: there is no ${browser}` : false;

/** Runs `fn` with a page of a browser of its own. `errors` collects what no code of the page caught. */
export async function withPage<T>(fn: (page: Page, errors: readonly unknown[]) => Promise<T>): Promise<T> {
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  const running = await chromium.launch({ executablePath: browser, headless: true, args });
  try {
    const page = await running.newPage();
    const errors: unknown[] = [];
    page.on('pageerror', (error) => errors.push(error));
    return await fn(page, errors);
  } finally {
    await running.close();
  }
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
