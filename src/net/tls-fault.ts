// What is wrong with TLS options, in words. For a key that is not one, OpenSSL says "DECODER
// routines::unsupported": not which option that was, nor, for a refused certificate, whose it is.
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/**
 * Options that can be tried alone, in the order in which they are tried, and what each must
 * contain.
 */
const EXPECTED: Readonly<Record<string, string>> = {
  key: 'a private key in PEM form',
  cert: 'a certificate in PEM form',
  pfx: 'a key and its certificate in PKCS#12 form',
  ca: 'certificates in PEM form',
  crl: 'revocation lists in PEM form',
  ciphers: "cipher suites by OpenSSL's names",
  ecdhCurve: "curves by OpenSSL's names",
  sigalgs: "signature algorithms by OpenSSL's names",
};

/**
 * Runs `make`, which passes `options` to node:tls. If that fails, the error names the wrong option.
 * Errors of wrong types name it already.
 * @param place what stands before the option's name, such as `tls.`
 * @throws what `make` throws; for OpenSSL's errors a RangeError, with their code and with them as
 * its cause
 */
export function withNamedOptions<T>(place: string, options: SecureContextOptions, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError) throw error;
    const fault = faultOf(place, options);
    if (fault === undefined) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const named = new RangeError(`Cannot set up TLS: ${fault}`, { cause: error });
    throw code === undefined ? named : Object.assign(named, { code });
  }
}

function faultOf(place: string, options: SecureContextOptions): string | undefined {
  const { passphrase } = options;
  const opens = passphrase === undefined ? {} : { passphrase };
  for (const [name, expected] of Object.entries(EXPECTED)) {
    const value = options[name as keyof SecureContextOptions]; // they are its names
    if (value === undefined) continue;
    const error = failureOf({ ...opens, [name]: value });
    if (error === undefined) continue;
    const { code, reason } = error as { readonly code?: string; readonly reason?: string };
    if (code === 'ERR_OSSL_BAD_DECRYPT') {
      const wanted =
        passphrase === undefined ? `expected its ${place}passphrase` : `${place}passphrase does not open it`;
      return `${place}${name} is encrypted, ${wanted}`;
    }
    return `${place}${name} is not valid (${reason ?? error.message}), expected ${expected}`;
  }
  const { key, cert } = options;
  const together = key === undefined || cert === undefined ? undefined : failureOf({ ...opens, key, cert });
  return together === undefined ? undefined : `${place}key does not belong to ${place}cert, expected its private key`;
}

function failureOf(options: SecureContextOptions): Error | undefined {
  try {
    createSecureContext(options);
    return undefined;
  } catch (error) {
    return error as Error; // it throws Errors
  }
}

/** OpenSSL's codes for invalid certificates. ERR_SSL_ codes are alerts from the peer about ours. */
const REFUSED = /^(?!ERR_SSL_).*(?:CERT|CRL|HOSTNAME|INVALID_CA)/;

/**
 * Returns the error of a client's handshake. If the server's certificate was refused, the message
 * names the server. The code stays that of node:tls (`DEPTH_ZERO_SELF_SIGNED_CERT`,
 * `CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID`, ...).
 */
export function nameRefused(error: unknown, host: string | undefined): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !REFUSED.test(code)) return error;
  const text = `Cannot connect to ${host ?? 'the server'}: its certificate was refused, ${error.message}`;
  return Object.assign(new Error(text, { cause: error }), { code });
}
