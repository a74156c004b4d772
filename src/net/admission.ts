// Who is let in: by address, and by how many of one address are in already.
import type { BlockList } from 'node:net';
import { describe } from '../base/index.ts';
import { toAddress } from './address.ts';
import type { Accepted } from './listener.ts';
import { RawSocket } from './raw/socket.ts';

export interface AdmissionOptions {
  /** How many connections one address may have open; more are refused with a reset, and reported. Default: no limit. */
  readonly maxPerIp?: number | undefined;
  /** Addresses that are refused. */
  readonly block?: BlockList | undefined;
  /** The only addresses that are let in, unless blocked. */
  readonly allow?: BlockList | undefined;
}

/** The door of one server. Unix sockets have no addresses: everybody is let in. */
export class Admission {
  readonly #maxPerIp: number;
  readonly #block: BlockList | undefined;
  readonly #allow: BlockList | undefined;
  readonly #counts = new Map<string, number>();

  constructor(options: AdmissionOptions) {
    this.#maxPerIp = options.maxPerIp ?? Infinity;
    this.#block = options.block;
    this.#allow = options.allow;
  }

  /** True when everybody may come in, so that nobody need be asked for an address. */
  get open(): boolean {
    return this.#maxPerIp === Infinity && this.#block === undefined && this.#allow === undefined;
  }

  /** Why a socket is refused; undefined lets it in, and counts it until it is closed. */
  refuse(socket: Accepted): string | undefined {
    const isRaw = socket instanceof RawSocket;
    const peer = isRaw ? socket.ends.peer : toAddress(socket.remoteAddress, socket.remotePort);
    if ('path' in peer || peer.address === '') return undefined;
    const family = peer.family === 'IPv4' ? 'ipv4' : 'ipv6';
    if (this.#block?.check(peer.address, family) === true) return `${peer.address} is blocked`;
    if (this.#allow?.check(peer.address, family) === false)
      return `${peer.address} is not on the list of those allowed`;
    if (this.#maxPerIp === Infinity) return undefined;
    const count = this.#counts.get(peer.address) ?? 0;
    if (count >= this.#maxPerIp) return `${peer.address} has ${count} connections open, maxPerIp is ${this.#maxPerIp}`;
    this.#counts.set(peer.address, count + 1);
    const left = (): void => this.#left(peer.address);
    if (isRaw) socket.whenClosed(left);
    else socket.once('close', left);
    return undefined;
  }

  #left(address: string): void {
    const count = this.#counts.get(address) ?? 1;
    if (count > 1) this.#counts.set(address, count - 1);
    else this.#counts.delete(address);
  }
}

/** A net.BlockList, or anything with its `check`. */
export function checkBlockList(name: string, value: unknown): void {
  if (value === undefined || typeof (value as BlockList | null)?.check === 'function') return;
  throw new TypeError(`Cannot start server: ${name} must be a net.BlockList, got ${describe(value)}`);
}
