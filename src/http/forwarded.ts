// What proxies say of the client before them: X-Forwarded-For, -Proto and -Host, Forwarded (RFC
// 7239), and X-Request-Id. Anyone can send these headers, so they count only from a trusted peer.
//
// The addresses stand in the order of the way. They are read from the end, because each proxy adds
// the one that it saw: the first that is not trusted is the client.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Address } from '../net/index.ts';
import type { Client } from './client.ts';

/** A request, as far as its way to us is concerned. */
export interface Travelled {
  readonly incoming: IncomingMessage;
  readonly client: Client;
  readonly site: {
    /** Whether there are trusted peers at all. */
    readonly trustsAny: boolean;
    trusts(peer: Address | undefined): boolean;
  };
}

/** What a request id of a proxy may be: nothing that could confuse a log. */
const ID = /^[\w.:/+=@-]{1,128}$/;

export function makeId(): string {
  return randomUUID();
}

/** The X-Request-Id that a trusted proxy sent. */
export function trustedId(exchange: Travelled): string | undefined {
  const id = isTrusted(exchange) ? header(exchange, 'x-request-id') : undefined;
  return id !== undefined && ID.test(id) ? id : undefined;
}

/** The address of the client. */
export function peerOf(exchange: Travelled): Address | undefined {
  const peer = ownPeer(exchange);
  if (!isTrusted(exchange)) return peer;
  const addresses = forwardedFor(exchange);
  for (let i = addresses.length - 1; i >= 0; i--) {
    const address = addressOf(addresses[i] ?? '');
    if (address === undefined) return peer; // hidden, or nonsense: what stands before it proves nothing
    if (i === 0 || !exchange.site.trusts(address)) return address;
  }
  return peer;
}

export function schemeOf(exchange: Travelled): 'http' | 'https' {
  const own = exchange.client.isSecure ? 'https' : 'http';
  if (!isTrusted(exchange)) return own;
  const said = forwarded(exchange, 'proto') ?? last(header(exchange, 'x-forwarded-proto'));
  return said === 'https' || said === 'http' ? said : own;
}

export function hostOf(exchange: Travelled): string {
  if (isTrusted(exchange)) {
    const said = forwarded(exchange, 'host') ?? last(header(exchange, 'x-forwarded-host'));
    if (said !== undefined && said !== '') return said;
  }
  const { rawHeaders } = exchange.incoming;
  // `headers` would make an object of all of them; most clients send this one first.
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string; // i < length
    if (name.length === 4 && name.toLowerCase() === 'host') return rawHeaders[i + 1] ?? '';
    if (name === ':authority') return rawHeaders[i + 1] ?? '';
  }
  return localHost(exchange); // HTTP/1.0 has none
}

function localHost({ client }: Travelled): string {
  const local = client.connection?.local;
  if (local === undefined || 'path' in local) return 'localhost';
  return `${local.family === 'IPv6' ? `[${local.address}]` : local.address}:${local.port}`;
}

function ownPeer({ client: { connection, socket } }: Travelled): Address | undefined {
  if (connection !== undefined) return connection.peer;
  const { remoteAddress, remotePort } = socket;
  return remoteAddress === undefined ? undefined : addressOf(remoteAddress, remotePort);
}

/** Whether the peer of the connection is trusted. Looked up once for each connection. */
function isTrusted(exchange: Travelled): boolean {
  const { client, site } = exchange;
  if (!site.trustsAny) return false;
  return (client.isTrusted ??= site.trusts(ownPeer(exchange)));
}

function header({ incoming }: Travelled, name: string): string | undefined {
  const value = incoming.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The last of a list: what the proxy next to us said. */
function last(list: string | undefined): string | undefined {
  return list?.split(',').at(-1)?.trim().toLowerCase();
}

function forwardedFor(exchange: Travelled): string[] {
  const standard = header(exchange, 'forwarded');
  if (standard !== undefined) return elementsOf(standard).map((element) => element.get('for') ?? '');
  return (header(exchange, 'x-forwarded-for') ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/** A parameter of the last element of Forwarded. */
function forwarded(exchange: Travelled, name: string): string | undefined {
  const standard = header(exchange, 'forwarded');
  return standard === undefined ? undefined : elementsOf(standard).at(-1)?.get(name)?.toLowerCase();
}

/** The elements of a Forwarded header: `for=1.2.3.4;proto=https, for="[::1]:80"`. */
function elementsOf(value: string): ReadonlyMap<string, string>[] {
  const elements: Map<string, string>[] = [new Map()];
  const part = /\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*(;|,|$)/gy;
  for (let match = part.exec(value); match !== null; match = part.exec(value)) {
    const [, name = '', quoted, token = '', end] = match;
    elements.at(-1)?.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token);
    if (end === ',') elements.push(new Map());
    if (end === '') return elements;
  }
  return []; // malformed: nothing of it counts
}

/** `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]:80`. Undefined for anything else, such as `_hidden`. */
export function addressOf(text: string, port = 0): Address | undefined {
  const [, inner, portText] =
    /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^(\d+\.\d+\.\d+\.\d+):(\d{1,5})$/.exec(text) ?? [];
  const address = (inner ?? text).replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return undefined;
  return { address, port: portText === undefined ? port : Number(portText), family: family === 4 ? 'IPv4' : 'IPv6' };
}
