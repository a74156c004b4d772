// A socket of either kind, before it is a connection: accepted or connected, and nothing was read from it.
import type { Socket } from 'node:net';
import { type Addresses, addressesOf } from './address.ts';
import { BareSocket } from './bare-socket.ts';
import { NetWire } from './net-wire.ts';
import type { Wire } from './wire.ts';

export type AnySocket = Socket | BareSocket;

/** What its bytes move through. */
export function wireOf(socket: AnySocket): Wire {
  return socket instanceof BareSocket ? socket : new NetWire(socket);
}

/** Who is at its two ends. */
export function addressesOfAny(socket: AnySocket): Addresses {
  return socket instanceof BareSocket ? socket.addresses : addressesOf(socket);
}
