// The options of createDatagramEndpoint. They are checked at once, and an error says what was
// expected and what came.
import { isIP } from 'node:net';
import {
  anything,
  type Check,
  type Checks,
  checkOptions,
  describe,
  flag,
  integerFrom,
  listOf,
  objectOf,
  oneOf,
  ofType,
  wrongValue,
} from '../base/index.ts';
import type { WaitOptions } from '../core/index.ts';
import type { Address } from './address.ts';
import { checkReusePort } from './server-options.ts';
import { hostName, portNumber } from './serving-options.ts';

/** Where a datagram comes from: an Address, but never a path. */
export type DatagramAddress = Exclude<Address, { readonly path: string }>;

/** Where a datagram goes: a name or address and a port, or the `from` of a received datagram. */
export type DatagramTarget = { readonly host: string; readonly port: number } | DatagramAddress;

/** A multicast group, and the interface to join it on. */
export interface MulticastGroup {
  /** The group's address: `239.7.7.7`, `ff02::7`. */
  readonly group: string;
  /** An address of the interface (IPv4), or `::%eth0` (IPv6). Default: the system chooses one. */
  readonly interface?: string | undefined;
}

/** Options of `createDatagramEndpoint` for multicast. */
export interface MulticastOptions {
  /** Groups that the endpoint joins when it opens. Default: none. */
  readonly join?: readonly (string | MulticastGroup)[] | undefined;
  /**
   * The interface that multicast datagrams leave by: its address (IPv4), or `::%eth0` (IPv6).
   * Default: the system chooses.
   */
  readonly interface?: string | undefined;
  /**
   * The time to live of multicast datagrams, 0 to 255. Each router subtracts 1. Default 1: they
   * stay in the local network.
   */
  readonly ttl?: number | undefined;
  /** Whether members of the group on this machine also receive what is sent to it. Default true. */
  readonly loopback?: boolean | undefined;
}

/** Options of `createDatagramEndpoint`. */
export interface DatagramOptions extends WaitOptions {
  /** Where to receive. Default: a port that the system chooses, on all interfaces. */
  readonly local?: { readonly host?: string | undefined; readonly port?: number | undefined } | undefined;
  /**
   * The one peer. The endpoint then receives from it alone, `send` takes no target, and the peer's
   * refusals reject calls. Default: none.
   */
  readonly remote?: DatagramTarget | undefined;
  /**
   * The address family of the socket. Default: that of the addresses you pass; for names, IPv4 if
   * they have an IPv4 address; else IPv4.
   */
  readonly family?: 'IPv4' | 'IPv6' | undefined;
  /** Lets several endpoints bind one port, as members of a multicast group do. Default false. */
  readonly reuseAddress?: boolean | undefined;
  /**
   * Lets several endpoints bind one port, among which the kernel distributes datagrams by sender.
   * Needs Linux and Node.js 22.12 or later. Default false.
   */
  readonly reusePort?: boolean | undefined;
  /** Allows sending to broadcast addresses. Default false. */
  readonly broadcast?: boolean | undefined;
  /** Groups to join, and how to send to groups. */
  readonly multicast?: MulticastOptions | undefined;
  /** Makes an IPv6 endpoint refuse IPv4. Default false. */
  readonly ipv6Only?: boolean | undefined;
  /** How many datagrams may wait to be received before `overflow` applies. Default 1024. */
  readonly receiveQueue?: number | undefined;
  /**
   * Which datagram a full queue drops: the one that just came (`dropNewest`), or the one that has
   * waited longest (`dropOldest`). Default `dropNewest`.
   */
  readonly overflow?: 'dropOldest' | 'dropNewest' | undefined;
  /** Bytes: the kernel's receive buffer (SO_RCVBUF). Default: the system's. */
  readonly recvBufferSize?: number | undefined;
  /** Bytes: the kernel's send buffer (SO_SNDBUF). Default: the system's. */
  readonly sendBufferSize?: number | undefined;
}

const ACTION = 'create datagram endpoint';

const targetPort: Check = integerFrom(1, 65535);
const bufferSize: Check = integerFrom(1, 2 ** 31 - 1);
const groupAddress: Check = ofType('string', 'an IPv4 or IPv6 address', (address) => isIP(address) !== 0);

const LOCAL: Checks<NonNullable<DatagramOptions['local']>> = { host: hostName, port: portNumber };

/**
 * The keys of a target. The `from` of another endpoint is accepted too. checkTarget checks the
 * values.
 */
const TARGET: Checks<{ readonly host: string } & DatagramAddress> = {
  host: anything,
  port: anything,
  address: anything,
  family: anything,
};

const GROUP: Checks<MulticastGroup> = {
  group: (action, _name, value) => groupAddress(action, 'a group', value),
  interface: hostName,
};

const target: Check = objectOf(TARGET);
const groupOptions: Check = objectOf(GROUP);

/** The options of `multicast`. */
export const MULTICAST: Checks<MulticastOptions> = {
  interface: hostName,
  ttl: integerFrom(0, 255),
  loopback: flag,
  join: listOf('an array of groups', (action, name, value) => {
    if (typeof value === 'object') groupOptions(action, name, value);
    const { group, interface: on } = toGroup(value as string | MulticastGroup); // anything else fails the check of an address
    checkGroup(group, on, action);
  }),
};

/** All options of createDatagramEndpoint. */
export const DATAGRAM: Checks<DatagramOptions> = {
  local: objectOf(LOCAL),
  remote: (action, name, value) => {
    target(action, name, value);
    checkTarget(value, name, action);
  },
  family: oneOf('IPv4 or IPv6'),
  overflow: oneOf('dropOldest or dropNewest'),
  reuseAddress: flag,
  reusePort: flag,
  broadcast: flag,
  ipv6Only: flag,
  receiveQueue: bufferSize,
  recvBufferSize: bufferSize,
  sendBufferSize: bufferSize,
  multicast: objectOf(MULTICAST),
  signal: anything,
};

/**
 * Checks the options of createDatagramEndpoint.
 * @throws TypeError or RangeError for the first option that is wrong or unknown
 */
export function checkDatagramOptions(options: DatagramOptions): void {
  checkOptions(ACTION, options, DATAGRAM, '', { onOverflow: 'overflow' });
  if (options.reusePort === true) checkReusePort(ACTION);
}

/** Normalizes a group, which may be an address alone or a MulticastGroup. */
export function toGroup(given: string | MulticastGroup): MulticastGroup {
  return typeof given === 'object' && given !== null ? given : { group: given };
}

/**
 * Checks the address of a group, and its interface if there is one.
 * @throws TypeError or RangeError
 */
export function checkGroup(group: unknown, on: unknown, action: string): void {
  groupAddress(action, 'a group', group);
  if (on !== undefined) hostName(action, 'interface', on);
}

/** Checks a target and returns its host and port. @throws TypeError or RangeError */
export function checkTarget(to: unknown, name: string, action: string): { host: string; port: number } {
  if (typeof to !== 'object' || to === null) throw wrongValue(action, name, 'an object with host and port', to);
  const { host, address, port } = to as { host?: unknown; address?: unknown; port?: unknown };
  const where = host ?? address;
  hostName(action, `${name}.host`, where);
  targetPort(action, `${name}.port`, port);
  return { host: where as string, port: port as number }; // just checked
}

/**
 * Converts an address for a socket of this family: IPv4 on an IPv6 socket is `::ffff:1.2.3.4`.
 * Names stay names. @throws RangeError for IPv6 on an IPv4 socket
 */
export function onFamily(host: string, family: 'IPv4' | 'IPv6', action: string): string {
  const version = isIP(host);
  if (family === 'IPv6') return version === 4 ? `::ffff:${host}` : host;
  if (version !== 6) return host;
  throw new RangeError(`Cannot ${action}: expected an IPv4 address on an IPv4 endpoint, got ${describe(host)}`);
}
