// Serves the console's page, as it is built, over a simulated process: what the inspector's own server would send.
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Frame, type Request, thinned } from '#src/inspect/protocol/index.js';
import type { SimulatedProcess } from './simulated-process.js';

const folder = fileURLToPath(new URL('../../../dist/console/page/', import.meta.url));

export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "require-trusted-types-for 'script'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

export interface PageServer extends AsyncDisposable {
  readonly origin: string;
  /** Sends each viewer its next frame. */
  push(): void;
  /** Moves time on, one frame for each `step` milliseconds. */
  advance(ms: number, step?: number): void;
  /** Ends all streams, and answers nothing until `find`. */
  lose(): void;
  find(): void;
  readonly viewers: number;
  /** Requests by method, as they came. */
  readonly asked: readonly { readonly method: string; readonly params: unknown }[];
}

/** With `live`, time moves by itself, ten frames a second. */
export async function servePage(process: SimulatedProcess, { live = false } = {}): Promise<PageServer> {
  const viewers = new Map<ServerResponse, () => Frame>();
  const asked: { method: string; params: unknown }[] = [];
  let lost = false;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    if (lost && path.startsWith('/api/')) {
      request.socket.destroy();
    } else if (path === '/api/frames') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      const next = process.frames();
      viewers.set(response, next);
      response.on('close', () => viewers.delete(response));
      send(response, next());
    } else if (path === '/api/request') {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { id, method, params } = JSON.parse(body) as Request; // the page sent it
        asked.push({ method, params });
        response.setHeader('content-type', 'application/json');
        try {
          response.end(JSON.stringify({ id, result: process.answer(method, params ?? {}) }));
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          response.end(JSON.stringify({ id, error: { code: 'NOT_AVAILABLE', message } }));
        }
      });
    } else {
      const file = `${folder}${path === '/' ? 'index.html' : path.slice(1)}`;
      const type = TYPES[file.replace(/^.*\./, '')];
      if (type === undefined || !existsSync(file)) response.writeHead(404).end();
      else
        response
          .writeHead(200, { 'content-type': type, 'content-security-policy': PAGE_POLICY })
          .end(readFileSync(file));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const push = (): void => {
    for (const [response, next] of viewers) send(response, next());
  };
  let last = performance.now();
  const timer = live
    ? setInterval(() => {
        const now = performance.now();
        process.loop.advance(now - last);
        last = now;
        push();
      }, 100)
    : undefined;
  return {
    origin: `http://127.0.0.1:${port}/`,
    push,
    advance(ms, step = 100) {
      for (let passed = 0; passed < ms; passed += step) {
        process.loop.advance(Math.min(step, ms - passed));
        push();
      }
    },
    lose() {
      lost = true;
      for (const response of viewers.keys()) response.destroy();
    },
    find() {
      lost = false;
    },
    get viewers() {
      return viewers.size;
    },
    asked,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What each page received last. */
const sent = new WeakMap<ServerResponse, Frame>();

function send(response: ServerResponse, frame: Frame): void {
  response.write(`data: ${JSON.stringify(thinned(frame, sent.get(response)))}\n\n`);
  sent.set(response, frame);
}
