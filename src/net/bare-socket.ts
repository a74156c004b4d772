// A socket with no net.Socket around it: it is its own wire, and knows its two ends. RawSocket is one over a handle of the
// system's, the simulation's MemorySocket one without any. A class and not an interface: `instanceof` tells it from a net.Socket.
import type { Socket } from 'node:net';
import type { Addresses } from './address.ts';
import type { Wire, WireListener } from './wire.ts';

export abstract class BareSocket implements Wire {
  abstract readonly addresses: Addresses;
  /** True from its end on, whoever ended it. */
  abstract readonly destroyed: boolean;
  abstract readonly paused: boolean;
  abstract readonly queued: number | undefined;
  abstract readonly socket: Socket | undefined;

  /** Whether the peer has reset it, as far as can be told while nobody reads. */
  get hasReset(): boolean {
    return false;
  }

  /** Has `fn` called once when it is closed, also while nobody listens. */
  abstract whenClosed(fn: () => void): void;

  abstract listen(listener: WireListener): void;
  abstract pause(): void;
  abstract resume(): void;
  abstract write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean;
  abstract end(): void;
  abstract close(): void;
  abstract destroy(error?: Error): void;
  abstract reset(): void;
  abstract release(): Socket;
}
