// Decides which clients are let in: by address, and by how many clients of that address are in
// already.
//
// Behind a balancer, every connection comes from the balancer, and the header names the client.
// `allow` then applies to the balancer, because whoever connects may name any address. `maxPerIp`
// applies to the client, and `block` to both.
//
// A TCP client may be gone before the server can read its address: it connected, sent and reset,
// and the system still hands over what it sent. No rule can be applied to it, and there is nobody
// to answer. It is refused, with or without rules.
import type { BlockList } from 'node:net';
import { type Checks, integerFrom, integer, wrongValue } from '../base/index.ts';
import { type Address, isUnknown } from './address.ts';
import { blockOf } from './ip-block.ts';
import type { Refusal } from './refusal.ts';
import type { Wire } from './wire.ts';

/**
 * Bits of an IPv6 address that maxPerIp counts as one address: a household or a machine usually has
 * that many addresses.
 */
export const DEFAULT_PREFIX = 64;

/** Options of startServer that decide which addresses may connect. */
export interface AdmissionOptions {
  /**
   * How many connections one address may have open. The server refuses more with a reset, and
   * reports them. Behind a balancer, it counts by the address in the header. Default: no limit.
   */
  readonly maxPerIp?: number | undefined;
  /**
   * Bits of an IPv6 address that maxPerIp counts as one address, 1 to 128. Default 64: a client
   * usually has all addresses of such a block.
   */
  readonly maxPerIpPrefix?: number | undefined;
  /**
   * Addresses that are refused. Behind a balancer, it applies to the balancer and to the address in
   * its header. Default: none.
   */
  readonly block?: BlockList | undefined;
  /**
   * The only addresses that may connect, unless `block` has them too. Behind a balancer, it applies
   * to the balancer. Default: all.
   */
  readonly allow?: BlockList | undefined;
}

/** The checks of AdmissionOptions. */
export const ADMISSION: Checks<AdmissionOptions> = {
  maxPerIp: integer(1, Infinity),
  maxPerIpPrefix: integerFrom(1, 128),
  block: blockList,
  allow: blockList,
};

/** Admission of one server. Unix sockets have no addresses: all their clients are let in. */
export class Admission {
  readonly #maxPerIp: number;
  readonly #prefix: number;
  readonly #behindBalancer: boolean;
  readonly #block: BlockList | undefined;
  readonly #allow: BlockList | undefined;
  /** Open connections by address, or by block of IPv6 addresses. Never 0. */
  readonly #counts = new Map<string, number>();
  /** Connections that count by the address that a balancer named, with the key they count under. */
  readonly #named = new Map<object, string>();

  constructor(options: AdmissionOptions & { readonly proxyProtocol?: boolean | undefined }) {
    this.#behindBalancer = options.proxyProtocol === true;
    this.#maxPerIp = options.maxPerIp ?? Infinity;
    this.#prefix = options.maxPerIpPrefix ?? DEFAULT_PREFIX;
    this.#block = options.block;
    this.#allow = options.allow;
  }

  /** True when no rule is set. */
  get open(): boolean {
    return this.#maxPerIp === Infinity && this.#block === undefined && this.#allow === undefined;
  }

  /**
   * Returns why a client is refused. Undefined lets it in, and counts it until its wire is closed.
   */
  refuse(wire: Pick<Wire, 'addresses' | 'whenClosed'>): Refusal | undefined {
    const { peer } = wire.addresses;
    if ('path' in peer) return undefined;
    if (isUnknown(peer)) {
      const message = 'the client reset the connection before its address could be read';
      return { code: 'noAddress', message, peer };
    }
    if (this.open) return undefined;
    const refusal = this.#isRefused('allow', peer) ?? this.#isRefused('block', peer);
    if (refusal !== undefined || this.#behindBalancer) return refusal;
    const key = this.#count(peer);
    if (typeof key !== 'string') return key;
    if (key !== '') wire.whenClosed(() => this.#left(key));
    return undefined;
  }

  /**
   * The same for the client that a balancer names for `connection`. It counts until
   * `gone(connection)`.
   */
  refuseNamed(peer: Address, connection: object): Refusal | undefined {
    if ('path' in peer) return undefined;
    const refusal = this.#isRefused('block', peer);
    if (refusal !== undefined) return refusal;
    const key = this.#count(peer);
    if (typeof key !== 'string') return key;
    if (key !== '') this.#named.set(connection, key);
    return undefined;
  }

  /** A connection is gone. Does nothing unless refuseNamed counted it. */
  gone(connection: object): void {
    const key = this.#named.get(connection);
    if (key === undefined) return;
    this.#named.delete(connection);
    this.#left(key);
  }

  /**
   * Checks one of the lists. It may be an object of the user: if its check throws, nobody is let
   * in, and the error does not reach the loop.
   */
  #isRefused(code: 'allow' | 'block', peer: IpAddress): Refusal | undefined {
    const list = code === 'allow' ? this.#allow : this.#block;
    if (list === undefined) return undefined;
    try {
      const isListed = list.check(peer.address, peer.family === 'IPv4' ? 'ipv4' : 'ipv6');
      if (isListed === (code === 'allow')) return undefined;
    } catch (error) {
      return { code, message: `${code} cannot be asked for ${peer.address}: its check threw`, error, peer };
    }
    const message =
      code === 'allow' ? `${peer.address} is not on the list of those allowed` : `${peer.address} is blocked`;
    return { code, message, peer };
  }

  /**
   * Counts a client. Returns the key it counts under, `''` without a limit, or why it is refused.
   */
  #count(peer: IpAddress): string | Refusal {
    if (this.#maxPerIp === Infinity) return '';
    const key = blockOf(peer, this.#prefix);
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#maxPerIp) {
      const message = `${key} has ${count} connections open, maxPerIp is ${this.#maxPerIp}`;
      return { code: 'maxPerIp', message, peer };
    }
    this.#counts.set(key, count + 1);
    return key;
  }

  #left(key: string): void {
    const count = this.#counts.get(key) ?? 1;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
  }
}

type IpAddress = Exclude<Address, { readonly path: string }>;

/** Accepts a net.BlockList, or any object with a `check` method. */
function blockList(action: string, name: string, value: unknown): void {
  if (typeof (value as BlockList | null)?.check !== 'function')
    throw wrongValue(action, name, 'a net.BlockList', value);
}
