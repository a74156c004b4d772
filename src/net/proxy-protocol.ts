// The PROXY protocol, versions 1 and 2: what a balancer says about the client before the client's
// own bytes. Source: haproxy's proxy-protocol.txt.
//
// A header must be complete and well-formed: to trust half of one would let a client choose its own
// address. What it names goes into logs and to terminals, so it must not contain control
// characters.
import { isIPv4, isIPv6 } from 'node:net';
import type { StreamReader } from '../streams/index.ts';
import { type Address, type Addresses, toAddress } from './address.ts';

const SIGNATURE: Buffer = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** The first 12 bytes of an IPv4-mapped IPv6 address (`::ffff:1.2.3.4`). */
const MAPPED: Buffer = Buffer.from('00000000000000000000ffff', 'hex');
/**
 * Bytes of a version 1 header after `PROXY `, without the line end. The specification allows 107 in
 * all.
 */
const LONGEST_LINE = 107 - 6 - 2;
/**
 * Bytes of addresses and extensions in version 2. It is more than any known sender uses, and bounds
 * what a client can make us hold.
 */
const LONGEST_BLOCK = 4096;
/** The largest values of the two halves of version 2's fourteenth byte: Unix sockets, datagrams. */
const LAST_FAMILY = 3;
const LAST_PROTOCOL = 2;
/** C0, DEL and C1. */
// oxlint-disable-next-line no-control-regex -- the point
const CONTROL = /[\0-\x1f\x7f-\x9f]/;

/**
 * Reads the header, and nothing after it. Returns the two ends as the balancer saw them. Undefined
 * when the balancer speaks for itself (health checks) or does not know the client. Cancellable.
 * @throws Error that says what was wrong with it; IncompleteReadError when the stream ends inside
 * it; CancelledError
 */
export async function readProxyHeader(reader: StreamReader): Promise<Addresses | undefined> {
  const start = await reader.readExactly(6);
  if (start.equals(SIGNATURE.subarray(0, 6))) return readVersion2(reader);
  if (start.toString('latin1') !== 'PROXY ') throw malformed('something else');
  return readVersion1(reader);
}

async function readVersion1(reader: StreamReader): Promise<Addresses | undefined> {
  const line = (await reader.readUntil('\r\n', { limit: LONGEST_LINE })).toString('latin1').slice(0, -2);
  if (CONTROL.test(line)) throw malformed('a line with a control character');
  const [family, peer, local, peerPort, localPort, ...more] = line.split(' ');
  if (family === 'UNKNOWN') return undefined;
  const kind = family === 'TCP4' ? 'IPv4' : family === 'TCP6' ? 'IPv6' : undefined;
  if (kind === undefined || more.length > 0) throw malformed(`a line ${JSON.stringify(line)}`);
  return { peer: toEnd(kind, peer, peerPort), local: toEnd(kind, local, localPort) };
}

function toEnd(family: 'IPv4' | 'IPv6', address: string | undefined, port: string | undefined): Address {
  const isAddress = address !== undefined && (family === 'IPv4' ? isIPv4(address) : isIPv6(address));
  if (!isAddress || address.includes('%')) throw malformed(`an address ${JSON.stringify(address)}`);
  if (port === undefined || !/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65535) {
    throw malformed(`a port ${JSON.stringify(port)}`);
  }
  return toAddress(address, Number(port));
}

async function readVersion2(reader: StreamReader): Promise<Addresses | undefined> {
  const rest = await reader.readExactly(10);
  if (!rest.subarray(0, 6).equals(SIGNATURE.subarray(6))) throw malformed('a wrong signature');
  const [version = 0, family = 0] = rest.subarray(6, 8);
  const length = rest.readUInt16BE(8);
  if (version >> 4 !== 2) throw malformed(`version ${version >> 4}`);
  if (length > LONGEST_BLOCK) throw malformed(`${length} bytes of addresses`);
  const block = await reader.readExactly(length);
  const command = version & 15;
  if (command === 0) return undefined; // LOCAL: the balancer itself
  if (command !== 1) throw malformed(`command ${command}`);
  if (family >> 4 > LAST_FAMILY || (family & 15) > LAST_PROTOCOL) {
    throw malformed(`the unknown family and protocol 0x${family.toString(16).padStart(2, '0')}`);
  }
  switch (family) {
    case 0x11:
      return inBlock(block, 4, (bytes) => bytes.join('.'));
    case 0x21:
      return inBlock(block, 16, formatIPv6);
    case 0x31:
      if (block.length < 216) throw malformed('too few bytes of addresses');
      return {
        peer: { path: toPath(block.subarray(0, 108)) },
        local: { path: toPath(block.subarray(108, 216)) },
      };
    default:
      return undefined; // UNSPEC, or datagrams: no address of a stream
  }
}

function inBlock(block: Buffer, size: number, format: (bytes: Buffer) => string): Addresses {
  if (block.length < 2 * size + 4) throw malformed('too few bytes of addresses');
  return {
    peer: toAddress(format(block.subarray(0, size)), block.readUInt16BE(2 * size)),
    local: toAddress(format(block.subarray(size, 2 * size)), block.readUInt16BE(2 * size + 2)),
  };
}

/**
 * Formats an address as RFC 5952 does: the longest run of zeros is left out. URL does the same on
 * every runtime.
 */
function formatIPv6(bytes: Buffer): string {
  if (bytes.subarray(0, 12).equals(MAPPED)) return `::ffff:${bytes.subarray(12).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/**
 * Returns the path of a Unix socket, up to the first zero byte; '' for a socket without a name. A
 * zero byte at the beginning means a name in Linux's abstract namespace. The header has no length
 * for it, so zero bytes at its end are taken for padding.
 */
function toPath(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  const isAbstract = text.startsWith('\0');
  const name = isAbstract ? text.slice(1).replace(/\0+$/, '') : (text.split('\0', 1)[0] ?? '');
  if (CONTROL.test(name)) throw malformed('a path with a control character');
  return isAbstract && name !== '' ? `\0${name}` : name;
}

function malformed(what: string): Error {
  return new Error(`Cannot read the PROXY protocol header: got ${what}`);
}
