// Clients that were not served: the reason as a code that programs can count, and as a sentence for
// people.
import type { Address } from './address.ts';

/**
 * Why a client was not served. The code is the option that refused it, where there is one:
 *
 * - `block`, `allow`, `maxPerIp`, `backlog`: the options of the same name;
 * - `noAddress`: it was gone before its address could be read, so no rule could be applied;
 * - `proxyProtocol`: its PROXY header was missing, malformed or late;
 * - `handshake`: its TLS handshake failed or took too long;
 * - `descriptors`: the process ran out of file descriptors. Counted once each time, not once per
 *   client;
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
  /** Why the client was not served. */
  readonly code: RefusalCode;
  /** One sentence without a line break. */
  readonly message: string;
  /** What failed, if anything did: the error of the handshake, of the header, or of the system. */
  readonly error?: unknown;
  /** The address of the client. Undefined where the system does not know it. */
  readonly peer: Address | undefined;
}

/** A count of zero for every code. */
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

/** The refusal of a client for which something failed. */
export function refusalOf(code: RefusalCode, error: unknown, peer: Address): Refusal {
  return { code, message: error instanceof Error ? error.message : String(error), error, peer };
}
