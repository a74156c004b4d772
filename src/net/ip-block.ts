// Blocks of addresses that count as one client. A client with IPv6 usually has 2^64 addresses.
import type { Address } from './address.ts';

/**
 * Returns the block of an address as text. An IPv4 address is its own block. Of an IPv6 address,
 * the first `prefix` bits count. A zone (`%eth0`) stays, because the same address in two zones
 * belongs to two machines.
 *
 * @example
 * ```ts no-check
 * blockOf({ address: '2001:db8::1', port: 1, family: 'IPv6' }, 64); // 2001:db8::/64
 * ```
 */
export function blockOf(peer: Exclude<Address, { readonly path: string }>, prefix: number): string {
  if (peer.family === 'IPv4' || prefix >= 128) return peer.address;
  const [address = '', zone] = peer.address.split('%');
  const groups = groupsOf(address).map((group, i) => {
    const kept = Math.min(16, Math.max(0, prefix - 16 * i));
    return (group & (0xffff << (16 - kept)) & 0xffff).toString(16);
  });
  const block = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1); // in the short form of RFC 5952
  return `${block}${zone === undefined ? '' : `%${zone}`}/${prefix}`;
}

/** The eight groups of an IPv6 address that is known to be valid. */
function groupsOf(address: string): number[] {
  const [left = '', right] = withoutDots(address).split('::');
  const parse = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const first = parse(left);
  if (right === undefined) return first;
  const last = parse(right);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** Rewrites the dotted end of an address such as `64:ff9b::192.0.2.1` as two groups. */
function withoutDots(address: string): string {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (dotted === null) return address;
  const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(1).map(Number);
  return `${address.slice(0, dotted.index)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
