// createDatagramEndpoint's options: checked at once, each with what was expected and what came.
import { isIP } from 'node:net';
import { describe, unknownOption } from '../base/index.ts';
import type { WaitOptions } from '../core/index.ts';
import type { Address } from './address.ts';
import { checkFlag, checkPort, isHostText } from './server-options.ts';

/** Where a datagram comes from: an Address that is no path. */
export type DatagramAddress = Exclude<Address, { readonly path: string }>;

/** Where a datagram goes: a name or address and a port, or what `receive()` gave as `from`. */
export type DatagramTarget = { readonly host: string; readonly port: number } | DatagramAddress;

/** A multicast group, and the interface to join it on. */
export interface MulticastGroup {
  /** The group's address: `239.7.7.7`, `ff02::7`. */
  readonly group: string;
  /** An address of the interface (IPv4), or `::%eth0` (IPv6). Default: the system chooses one. */
  readonly interface?: string | undefined;
}

export interface MulticastOptions {
  /** Groups to join from the start. Default: none. */
  readonly join?: readonly (string | MulticastGroup)[] | undefined;
  /** The interface multicast datagrams leave by: its address (IPv4), or `::%eth0` (IPv6). Default: the system's choice. */
  readonly interface?: string | undefined;
  /** How many routers may pass multicast datagrams on, 0 to 255. Default 1: none, they stay in the local network. */
  readonly ttl?: number | undefined;
  /** Whether what is sent to a group also reaches this machine's own members. Default true. */
  readonly loopback?: boolean | undefined;
}

export interface DatagramOptions extends WaitOptions {
  /** Where to receive. Default: a port of the system's choice on all interfaces. */
  readonly local?: { readonly host?: string | undefined; readonly port?: number | undefined } | undefined;
  /** The one peer: nothing else is received, `send` needs no target, and the peer's refusals are heard of. Default: none. */
  readonly remote?: DatagramTarget | undefined;
  /** Default: that of the addresses given; for names, IPv4 where they have it; IPv4 otherwise. */
  readonly family?: 'IPv4' | 'IPv6' | undefined;
  /** Lets several endpoints bind one port, as members of a multicast group do. Default false. */
  readonly reuseAddress?: boolean | undefined;
  /** Lets several endpoints bind one port, and the kernel share datagrams out by sender. Linux, Node >= 22.12. */
  readonly reusePort?: boolean | undefined;
  /** Allows to send to broadcast addresses. Default false. */
  readonly broadcast?: boolean | undefined;
  readonly multicast?: MulticastOptions | undefined;
  /** An IPv6 endpoint takes no IPv4. Default false. */
  readonly ipv6Only?: boolean | undefined;
  /** How many datagrams wait to be received before `overflow` applies. Default 1024. */
  readonly receiveQueue?: number | undefined;
  /** Which datagram a full queue drops: the one that came last, or the one that waits longest. Default `dropNewest`. */
  readonly overflow?: 'dropOldest' | 'dropNewest' | undefined;
  /** Bytes: the kernel's receive buffer (SO_RCVBUF). Default: the system's. */
  readonly recvBufferSize?: number | undefined;
  /** Bytes: the kernel's send buffer (SO_SNDBUF). Default: the system's. */
  readonly sendBufferSize?: number | undefined;
}

const ACTION = 'create datagram endpoint';

const KNOWN = [
  'local',
  'remote',
  'family',
  'reuseAddress',
  'reusePort',
  'broadcast',
  'multicast',
  'ipv6Only',
  'receiveQueue',
  'overflow',
  'recvBufferSize',
  'sendBufferSize',
  'signal',
];

/** Throws a TypeError or RangeError for the first option that is wrong or unknown. */
export function checkDatagramOptions(options: DatagramOptions): void {
  const given = checkObject(options, 'options', KNOWN);
  const { local, remote, multicast } = options;
  if (local !== undefined) {
    checkObject(local, 'local', ['host', 'port']);
    if (local.host !== undefined) checkHost(local.host, 'local.host', ACTION);
    checkPort(local.port, ACTION);
  }
  if (remote !== undefined) {
    checkObject(remote, 'remote', ['host', 'port', 'address', 'family']); // a `from` of another endpoint is welcome too
    checkTarget(remote, 'remote', ACTION);
  }
  checkOneOf('family', options.family, ['IPv4', 'IPv6']);
  checkOneOf('overflow', options.overflow, ['dropOldest', 'dropNewest']);
  for (const name of ['reuseAddress', 'reusePort', 'broadcast', 'ipv6Only']) checkFlag(name, given[name], ACTION);
  for (const name of ['receiveQueue', 'recvBufferSize', 'sendBufferSize'])
    checkInteger(name, given[name], 1, 0x7fff_ffff);
  if (options.reusePort === true) checkReusePort();
  if (multicast === undefined) return;
  checkObject(multicast, 'multicast', ['join', 'interface', 'ttl', 'loopback']);
  if (multicast.interface !== undefined) checkHost(multicast.interface, 'multicast.interface', ACTION);
  checkInteger('multicast.ttl', multicast.ttl, 0, 255);
  checkFlag('multicast.loopback', multicast.loopback, ACTION);
  const join: unknown = multicast.join ?? [];
  if (!Array.isArray(join)) throw wrongType('multicast.join', 'an array of groups', join, ACTION);
  for (const each of multicast.join ?? []) {
    if (typeof each === 'object') checkObject(each, 'multicast.join', ['group', 'interface']);
    const { group, interface: on } = toGroup(each);
    checkGroup(group, on, ACTION);
  }
}

/** A group given by its address alone, or with its interface. */
export function toGroup(given: string | MulticastGroup): MulticastGroup {
  return typeof given === 'object' && given !== null ? given : { group: given };
}

export function checkGroup(group: unknown, on: unknown, action: string): void {
  const message = `Cannot ${action}: a group must be an IPv4 or IPv6 address, got ${describe(group)}`;
  if (typeof group !== 'string') throw new TypeError(message);
  if (isIP(group) === 0) throw new RangeError(message);
  if (on !== undefined) checkHost(on, 'interface', action);
}

/** Checks a target and gives its host and port. */
export function checkTarget(target: unknown, name: string, action: string): { host: string; port: number } {
  if (typeof target !== 'object' || target === null)
    throw wrongType(name, 'an object with host and port', target, action);
  const { host, address, port } = target as { host?: unknown; address?: unknown; port?: unknown };
  const where = host ?? address;
  checkHost(where, `${name}.host`, action);
  const message = `Cannot ${action}: ${name}.port must be an integer from 1 to 65535, got ${describe(port)}`;
  if (typeof port !== 'number') throw new TypeError(message);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new RangeError(message);
  return { host: where, port };
}

/** The address as a socket of this family takes it: IPv4 on an IPv6 socket is `::ffff:1.2.3.4`. Names stay names. */
export function onFamily(host: string, family: 'IPv4' | 'IPv6', action: string): string {
  const version = isIP(host);
  if (family === 'IPv6') return version === 4 ? `::ffff:${host}` : host;
  if (version !== 6) return host;
  throw new RangeError(`Cannot ${action}: expected an IPv4 address on an IPv4 endpoint, got ${describe(host)}`);
}

function checkHost(host: unknown, name: string, action: string): asserts host is string {
  if (typeof host !== 'string') throw wrongType(name, 'a name or address', host, action);
  if (host === '' || !isHostText(host)) {
    throw new RangeError(`Cannot ${action}: ${name} must be a name or address, got ${describe(host)}`);
  }
}

function checkObject(value: unknown, name: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrongType(name, 'an object', value, ACTION);
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const full = name === 'options' ? key : `${name}.${key}`;
    throw unknownOption(ACTION, full);
  }
  return value as Record<string, unknown>; // an object, just tested
}

function checkOneOf(name: string, value: unknown, wanted: readonly string[]): void {
  if (value === undefined || wanted.includes(value as string)) return;
  const message = `Cannot ${ACTION}: ${name} must be ${wanted.join(' or ')}, got ${describe(value)}`;
  throw typeof value === 'string' ? new RangeError(message) : new TypeError(message);
}

function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (value === undefined) return;
  const message = `Cannot ${ACTION}: ${name} must be an integer from ${min} to ${max}, got ${describe(value)}`;
  if (typeof value !== 'number') throw new TypeError(message);
  if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(message);
}

function checkReusePort(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 12)) return;
  throw new RangeError(`Cannot ${ACTION}: reusePort needs Node 22.12 or later, this is ${process.versions.node}`);
}

function wrongType(name: string, expected: string, value: unknown, action: string): TypeError {
  return new TypeError(`Cannot ${action}: ${name} must be ${expected}, got ${describe(value)}`);
}
