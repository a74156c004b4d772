// Who is let in: by address, and by how many of one address are in already.
//
// Behind a balancer, everybody comes from its address, and the header names the client. Then `allow` is about who connects,
// as whoever connects may name anybody; maxPerIp about the client; `block` about both.
import type { BlockList } from 'node:net';
import { describe } from '../base/index.ts';
import { type Address, toAddress } from './address.ts';
import type { AnySocket } from './any-socket.ts';
import { BareSocket } from './bare-socket.ts';

export interface AdmissionOptions {
  /**
   * How many connections one address may have open; more are refused with a reset, and reported. Behind a balancer, the
   * address in its header. Default: no limit.
   */
  readonly maxPerIp?: number | undefined;
  /** Addresses that are refused; behind a balancer, also when its header names them. */
  readonly block?: BlockList | undefined;
  /** The only addresses that may connect, unless blocked; behind a balancer, its own. */
  readonly allow?: BlockList | undefined;
}

/** The door of one server. Unix sockets have no addresses: everybody is let in. */
export class Admission {
  readonly #maxPerIp: number;
  readonly #behindBalancer: boolean;
  readonly #block: BlockList | undefined;
  readonly #allow: BlockList | undefined;
  readonly #counts = new Map<string, number>();
  /** The connections that count by the address a balancer named. */
  readonly #named = new Map<object, string>();

  constructor(options: AdmissionOptions & { readonly proxyProtocol?: boolean | undefined }) {
    this.#behindBalancer = options.proxyProtocol === true;
    this.#maxPerIp = options.maxPerIp ?? Infinity;
    this.#block = options.block;
    this.#allow = options.allow;
  }

  /** True when everybody may come in, so that nobody need be asked for an address. */
  get open(): boolean {
    return this.#maxPerIp === Infinity && this.#block === undefined && this.#allow === undefined;
  }

  /** Why a socket is refused; undefined lets it in, and counts it until it is closed. */
  refuse(socket: AnySocket): string | undefined {
    const isRaw = socket instanceof BareSocket;
    const peer = isRaw ? socket.ends.peer : toAddress(socket.remoteAddress, socket.remotePort);
    if ('path' in peer || peer.address === '') return undefined;
    if (this.#allow?.check(peer.address, familyOf(peer)) === false)
      return `${peer.address} is not on the list of those allowed`;
    const reason = this.#isBlocked(peer) ?? (this.#behindBalancer ? undefined : this.#count(peer.address));
    if (reason !== undefined || this.#behindBalancer || this.#maxPerIp === Infinity) return reason;
    const left = (): void => this.#left(peer.address);
    if (isRaw) socket.whenClosed(left);
    else socket.once('close', left);
    return undefined;
  }

  /** The same of the client that a balancer names for `connection`; it is counted until `gone(connection)`. */
  refuseNamed(peer: Address, connection: object): string | undefined {
    if ('path' in peer) return undefined;
    const reason = this.#isBlocked(peer) ?? this.#count(peer.address);
    if (reason === undefined && this.#maxPerIp !== Infinity) this.#named.set(connection, peer.address);
    return reason;
  }

  /** A connection is gone; whether it was counted by refuseNamed is known here. */
  gone(connection: object): void {
    const address = this.#named.get(connection);
    if (address === undefined) return;
    this.#named.delete(connection);
    this.#left(address);
  }

  #isBlocked(peer: IpAddress): string | undefined {
    return this.#block?.check(peer.address, familyOf(peer)) === true ? `${peer.address} is blocked` : undefined;
  }

  #count(address: string): string | undefined {
    if (this.#maxPerIp === Infinity) return undefined;
    const count = this.#counts.get(address) ?? 0;
    if (count >= this.#maxPerIp) return `${address} has ${count} connections open, maxPerIp is ${this.#maxPerIp}`;
    this.#counts.set(address, count + 1);
    return undefined;
  }

  #left(address: string): void {
    const count = this.#counts.get(address) ?? 1;
    if (count > 1) this.#counts.set(address, count - 1);
    else this.#counts.delete(address);
  }
}

type IpAddress = Exclude<Address, { readonly path: string }>;

function familyOf(peer: IpAddress): 'ipv4' | 'ipv6' {
  return peer.family === 'IPv4' ? 'ipv4' : 'ipv6';
}

/** A net.BlockList, or anything with its `check`. */
export function checkBlockList(name: string, value: unknown): void {
  if (value === undefined || typeof (value as BlockList | null)?.check === 'function') return;
  throw new TypeError(`Cannot start server: ${name} must be a net.BlockList, got ${describe(value)}`);
}
