// `--tls-cert FILE --tls-key FILE`: reads the files, explains what is wrong with them, and finds
// out what a client must type.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { CommandError } from './command.ts';

export interface TlsFiles {
  /** The paths, as the user typed them. */
  readonly files: { readonly cert: string; readonly key: string };
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * Reads both files. Returns undefined when neither is set. @throws CommandError for one alone, or
 * for a file that cannot be read
 */
export function readTlsFiles(cert: string | undefined, key: string | undefined): TlsFiles | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined) throw new CommandError('--tls-key needs the certificate that it is of: --tls-cert FILE', 2);
  if (key === undefined) throw new CommandError("--tls-cert needs the certificate's private key: --tls-key FILE", 2);
  return { files: { cert, key }, cert: read('--tls-cert', cert), key: read('--tls-key', key) };
}

/**
 * The certificate and the key as they are in the files whenever they are asked for: each new worker has
 * those of its start, so that a reload takes over a renewed certificate.
 */
export function freshTls({ files }: TlsFiles): { readonly cert: Buffer; readonly key: Buffer } {
  return {
    get cert() {
      return read('--tls-cert', files.cert);
    },
    get key() {
      return read('--tls-key', files.key);
    },
  };
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder, expected a file in PEM form',
};

function read(option: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException; // reading fails with Errors
    throw new CommandError(`cannot read ${option} ${file}: ${REASONS[code] ?? message}`, code === 'ENOENT' ? 2 : 1);
  }
}

/**
 * Rewrites an error of startServer for the command line: it names `tls.key`, which the user did not
 * type.
 */
export function inOptions(message: string, { files }: TlsFiles): string {
  return message
    .replace(/^(?:cannot serve .*?: )?Cannot set up TLS: /, '')
    .replaceAll('tls.cert', `--tls-cert ${files.cert}`)
    .replaceAll('tls.key', `--tls-key ${files.key}`)
    .replace('expected its tls.passphrase', 'expected a key without a passphrase');
}

/**
 * Returns what a client on this machine types to connect over TLS. It has `localhost` instead of an
 * address that the certificate does not name. For a self-signed certificate, it passes the
 * certificate itself, because nobody else vouches for it.
 */
export function connectCommand({ cert, files }: TlsFiles, at: { address: string; port: number } | string): string {
  const own = typeof at === 'string' ? at : `${isIP(at.address) === 6 ? `[${at.address}]` : at.address}:${at.port}`;
  try {
    const certificate = new X509Certificate(cert);
    const env = certificate.issuer === certificate.subject ? `NODE_EXTRA_CA_CERTS=${files.cert} ` : '';
    return `${env}npx maitre connect ${isForLocalhost(certificate, at) ? `localhost:${at.port}` : own} --tls`;
  } catch {
    return `npx maitre connect ${own} --tls`; // some runtimes cannot read certificates
  }
}

function isForLocalhost(
  certificate: X509Certificate,
  at: { address: string } | string,
): at is { address: string; port: number } {
  if (typeof at === 'string' || !/^127\.|^::1$/.test(at.address)) return false;
  return certificate.checkIP(at.address) === undefined && certificate.checkHost('localhost') !== undefined;
}
