// What every wire over a net.Socket has in common, whoever reads and writes it: what it is and how it
// ends.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Addresses } from './address.ts';
import type { WireTls } from './connection-tls.ts';
import { hasReset } from './raw/handle.ts';
import { tlsUnder } from './secure.ts';

export abstract class SocketWire {
  readonly addresses: Addresses;
  readonly socket: Socket;

  constructor(socket: Socket, addresses: Addresses) {
    this.socket = socket;
    this.addresses = addresses;
  }

  get destroyed(): boolean {
    return this.socket.destroyed;
  }

  get hasReset(): boolean {
    return hasReset(this.socket);
  }

  get queued(): number | undefined {
    // net itself compares this when its timeout has passed. Nothing is lost where it is missing.
    return (this.socket as { readonly _handle?: { readonly writeQueueSize?: number } | null })._handle?.writeQueueSize;
  }

  get secured(): TLSSocket | undefined {
    return this.socket instanceof TLSSocket ? this.socket : undefined;
  }

  get tls(): WireTls | undefined {
    const { secured } = this;
    return secured === undefined ? undefined : tlsUnder(secured);
  }

  whenClosed(fn: () => void): void {
    this.socket.once('close', fn);
  }

  end(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroySoon();
  }

  destroy(error?: Error): void {
    this.socket.destroy(error);
  }

  reset(): void {
    const socket = this.socket as Socket & { resetAndDestroy?: () => void }; // missing on some hosts
    // Over TLS, the missing close_notify has the meaning of a reset. A Unix socket has no reset,
    // and no address. An end on its way to the system cannot be overtaken: libuv refuses the reset,
    // and net forgets the handle while it is open. The system has everything by then, so an end is
    // correct too.
    const isEnding = socket.writableEnded && !socket.writableFinished;
    const canReset = !(socket instanceof TLSSocket) && !isEnding && typeof socket.resetAndDestroy === 'function';
    if (canReset && socket.remoteAddress !== undefined) socket.resetAndDestroy?.();
    else socket.destroy();
  }
}
