// Serves /metrics, for those who have the token. It answers while the main thread is blocked.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listen } from '../listen.ts';

/** Scrapers at a time. */
const CONNECTIONS = 16;
/** How long a request may take, in milliseconds, and the longest headers, in bytes. */
const REQUEST_WITHIN = 5000;
const LONGEST_HEADERS = 8192;

/** What the server of the metrics needs. */
export interface MetricsSettings {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  /** Returns the metrics of now. */
  text(): string;
}

/** A server that listens. */
export class MetricsServer {
  readonly #server: Server;

  /** Listens. @throws the system's error when it cannot */
  static async open(settings: MetricsSettings): Promise<MetricsServer> {
    const metrics = new MetricsServer(settings);
    await listen(metrics.#server, settings);
    return metrics;
  }

  private constructor(settings: MetricsSettings) {
    const options = {
      maxHeaderSize: LONGEST_HEADERS,
      headersTimeout: REQUEST_WITHIN,
      requestTimeout: REQUEST_WITHIN,
      connectionsCheckingInterval: 1000,
    };
    const expected = hashOf(`Bearer ${settings.token}`);
    this.#server = createServer(options, (request, response) => answer(request, response, expected, settings));
    this.#server.maxConnections = CONNECTIONS;
    this.#server.on('clientError', (_, socket) => void socket.destroy());
  }

  /** The port on which it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port; // it listens on a port
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections?.();
  }
}

function answer(
  { method, url, headers }: IncomingMessage,
  response: ServerResponse,
  expected: Buffer,
  settings: MetricsSettings,
): void {
  const end = (status: number, text: string, more: Record<string, string> = {}): void => {
    const type = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', ...more };
    response.writeHead(status, type).end(text);
  };
  // Hashes are of one length, and comparing them takes the same time whatever differs.
  if (!timingSafeEqual(hashOf(headers.authorization ?? ''), expected))
    end(401, 'the token of the option metrics is needed\n', { 'www-authenticate': 'Bearer', connection: 'close' });
  else if (url !== '/metrics') end(404, 'there is only /metrics\n');
  else if (method !== 'GET') end(405, 'only GET is served here\n', { connection: 'close' });
  else end(200, settings.text(), { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
