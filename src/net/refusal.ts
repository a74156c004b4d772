// Clients that were not let in: why, in a word that programs can count and in a sentence for people.
import type { Address } from './address.ts';

/**
 * Why a client was not served. Named for the option that refused it where there is one:
 *
 * - `block`, `allow`, `maxPerIp`, `backlog`: the options of the same name;
 * - `noAddress`: it was gone before its address could be read, so that no rule could be applied to it;
 * - `proxyProtocol`: its PROXY header was missing, malformed or late;
 * - `handshake`: its TLS handshake failed or took too long;
 * - `descriptors`: the process ran out of file descriptors, counted once each time, not once a client;
 * - `accept`: the system could not accept it for another reason.
 */
export type RefusalCode =
  | 'accept'
  | 'allow'
  | 'backlog'
  | 'block'
  | 'descriptors'
  | 'handshake'
  | 'maxPerIp'
  | 'noAddress'
  | 'proxyProtocol';

/** A client that was not served, as `onRefused` receives it. */
export interface Refusal {
  readonly code: RefusalCode;
  /** One sentence without a line break. */
  readonly message: string;
  /** What failed, if anything did: the handshake's error, the header's, the system's. */
  readonly error?: unknown;
  /** The client, as far as it is known: undefined where the system did not tell. */
  readonly peer: Address | undefined;
}

/** All codes at zero, to count in. */
export function noRefusals(): Record<RefusalCode, number> {
  return {
    accept: 0,
    allow: 0,
    backlog: 0,
    block: 0,
    descriptors: 0,
    handshake: 0,
    maxPerIp: 0,
    noAddress: 0,
    proxyProtocol: 0,
  };
}

/** The refusal of a client with whom something failed. */
export function refusalOf(code: RefusalCode, error: unknown, peer: Address): Refusal {
  return { code, message: error instanceof Error ? error.message : String(error), error, peer };
}
