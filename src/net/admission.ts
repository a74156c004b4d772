// Who is let in: by address, and by how many of one address are in already.
//
// Behind a balancer, everybody comes from its address, and the header names the client. Then `allow` is about who connects,
// as whoever connects may name anybody; maxPerIp about the client; `block` about both.
//
// A TCP client may be gone before it can be asked for its address: it connected, sent and reset, and the system hands over what it
// sent all the same. No rule can be applied to it, and nobody is there to be answered: it is refused, whether there are rules or not.
import type { BlockList } from 'node:net';
import { type Checks, integerFrom, integer, wrongValue } from '../base/index.ts';
import { type Address, isUnknown } from './address.ts';
import { blockOf } from './ip-block.ts';
import type { Refusal } from './refusal.ts';
import type { Wire } from './wire.ts';

/** IPv6 bits that count as one address for maxPerIp: what one household or machine is given. */
export const DEFAULT_PREFIX = 64;

export interface AdmissionOptions {
  /**
   * How many connections one address may have open; more are refused with a reset, and reported. Behind a balancer, the
   * address in its header. Default: no limit.
   */
  readonly maxPerIp?: number | undefined;
  /**
   * Bits of an IPv6 address that maxPerIp counts as one address, 1 to 128. Default 64: a client usually has that many
   * addresses to choose from.
   */
  readonly maxPerIpPrefix?: number | undefined;
  /** Addresses that are refused; behind a balancer, also when its header names them. */
  readonly block?: BlockList | undefined;
  /** The only addresses that may connect, unless blocked; behind a balancer, its own. */
  readonly allow?: BlockList | undefined;
}

/** Their checks. */
export const ADMISSION: Checks<AdmissionOptions> = {
  maxPerIp: integer(1, Infinity),
  maxPerIpPrefix: integerFrom(1, 128),
  block: blockList,
  allow: blockList,
};

/** The door of one server. Unix sockets have no addresses: everybody is let in. */
export class Admission {
  readonly #maxPerIp: number;
  readonly #prefix: number;
  readonly #behindBalancer: boolean;
  readonly #block: BlockList | undefined;
  readonly #allow: BlockList | undefined;
  /** Open connections by address, or by block of IPv6 addresses; never 0. */
  readonly #counts = new Map<string, number>();
  /** The connections that count by the address a balancer named, and what they count under. */
  readonly #named = new Map<object, string>();

  constructor(options: AdmissionOptions & { readonly proxyProtocol?: boolean | undefined }) {
    this.#behindBalancer = options.proxyProtocol === true;
    this.#maxPerIp = options.maxPerIp ?? Infinity;
    this.#prefix = options.maxPerIpPrefix ?? DEFAULT_PREFIX;
    this.#block = options.block;
    this.#allow = options.allow;
  }

  /** True when there is no rule. */
  get open(): boolean {
    return this.#maxPerIp === Infinity && this.#block === undefined && this.#allow === undefined;
  }

  /** Why a client is refused; undefined lets it in, and counts it until its wire is closed. */
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

  /** The same of the client that a balancer names for `connection`; it is counted until `gone(connection)`. */
  refuseNamed(peer: Address, connection: object): Refusal | undefined {
    if ('path' in peer) return undefined;
    const refusal = this.#isRefused('block', peer);
    if (refusal !== undefined) return refusal;
    const key = this.#count(peer);
    if (typeof key !== 'string') return key;
    if (key !== '') this.#named.set(connection, key);
    return undefined;
  }

  /** A connection is gone; whether it was counted by refuseNamed is known here. */
  gone(connection: object): void {
    const key = this.#named.get(connection);
    if (key === undefined) return;
    this.#named.delete(connection);
    this.#left(key);
  }

  /** Asks one of the lists. It may be anybody's object: one that throws lets nobody in, and never reaches the loop. */
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

  /** Counts a client in: what it is counted under, `''` without a limit, or why it is refused. */
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

/** A net.BlockList, or anything with its `check`. */
function blockList(action: string, name: string, value: unknown): void {
  if (typeof (value as BlockList | null)?.check !== 'function')
    throw wrongValue(action, name, 'a net.BlockList', value);
}
