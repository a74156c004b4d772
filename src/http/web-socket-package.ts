// The package ws, an optional peer: what this room uses of it, and how it is loaded.
//
// It is loaded when the first WebSocket is asked for, and at once, because `webSocket()` returns a
// Response and no promise. So it is required, not imported.
//
// ws answers the close frame of a client by itself, and emits 'close' only when the connection has
// ended, which a client can delay. The subclass here emits 'closing' as soon as ws begins to close.
import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';

/** A WebSocket of ws, as far as it is used. */
export interface Port {
  /** Bytes that were sent and that the system has not taken. */
  readonly bufferedAmount: number;
  /** The subprotocol; empty for none. */
  readonly protocol: string;
  send(data: string | Uint8Array, options: { readonly binary: boolean }, sent: (error?: Error | null) => void): void;
  ping(data: string, mask: undefined, sent: (error?: Error | null) => void): void;
  pong(data: Uint8Array, mask: undefined, sent: (error?: Error | null) => void): void;
  pause(): void;
  resume(): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): unknown;
  on(event: 'ping' | 'pong', listener: (data: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'closing' | 'close', listener: (code: number, reason: Buffer | undefined) => void): unknown;
}

/** The options of ws for one upgrade. */
export interface UpgradeOptions {
  readonly maxPayload: number;
  readonly perMessageDeflate: boolean;
  /** Milliseconds. Versions of ws that lack it take 30,000; the timer of WebSocket is shorter. */
  readonly closeTimeout: number;
  readonly handleProtocols: (offered: ReadonlySet<string>) => string | false;
}

interface PortBase {
  close(code?: number, reason?: string | Buffer): void;
  emit(event: string, ...values: unknown[]): boolean;
}

/** A WebSocketServer of ws without a server. */
export interface Upgrader {
  on(event: 'headers', listener: (headers: string[]) => void): unknown;
  handleUpgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer, upgraded: (port: Port) => void): void;
}

interface Package {
  readonly WebSocket: new (...values: never[]) => PortBase;
  readonly WebSocketServer: new (options: object) => Upgrader;
}

/** Makes what upgrades a connection. Undefined until ws is loaded. */
let make: ((options: UpgradeOptions) => Upgrader) | undefined;

/**
 * Returns what upgrades a connection with these options.
 * @throws Error with code ERR_MODULE_NOT_FOUND, if ws is not installed
 */
export function upgrader(options: UpgradeOptions): Upgrader {
  make ??= prepare(load());
  return make(options);
}

function load(): Package {
  try {
    return createRequire(import.meta.url)('ws') as Package; // the peer dependency of package.json says which
  } catch (cause) {
    throw Object.assign(
      new Error('Cannot upgrade to WebSocket: the package ws cannot be loaded, install it with: npm install ws', {
        cause,
      }),
      { code: 'ERR_MODULE_NOT_FOUND' },
    );
  }
}

function prepare({ WebSocket, WebSocketServer }: Package): (options: UpgradeOptions) => Upgrader {
  class ClosingSocket extends WebSocket {
    override close(code?: number, reason?: string | Buffer): void {
      this.emit('closing', code ?? 1005, reason);
      super.close(code, reason);
    }
  }
  // autoPong answers every ping of a client that reads nothing: WebSocket answers only the latest.
  const fixed = { noServer: true, clientTracking: false, autoPong: false, WebSocket: ClosingSocket };
  return (options) => new WebSocketServer({ ...fixed, ...options });
}
