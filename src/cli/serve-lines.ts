// The lines that `maitre serve` prints for people: the banner, a line per client, and the end.
// Errors of handlers go to standard error. Whatever clients sent, it stays on its line.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { escapeControl, escapeLines } from '../base/index.ts';
import { writeLog } from '../hosts/node/index.ts';
import { type Address, formatAddress } from '../index.node.ts';
import type {
  ClientEndedEvent,
  ClientOpenedEvent,
  ErrorEvent,
  ReadyEvent,
  RequestEvent,
  ServeListener,
  StoppingEvent,
} from '../workers/index.ts';
import { connectCommand, type TlsFiles } from './tls-files.ts';

/** @param tls the certificate, for the command that the banner shows */
export function linePrinter(tls: TlsFiles | undefined): ServeListener {
  return (event) => {
    switch (event.event) {
      case 'ready':
        return print(...banner(event, tls));
      case 'client':
      case 'request':
      case 'error':
        return printServed(event);
      case 'stopping':
        return print(stoppingLine(event));
      case 'stopped': {
        const { finished, cancelled, aborted } = event.report;
        return print(`stopped: ${finished} finished, ${cancelled} cancelled, ${aborted} aborted`);
      }
    }
  };
}

/**
 * Prints what was served, or could not be.
 * @param label who served it, before the line
 */
export function printServed(event: ClientOpenedEvent | ClientEndedEvent | RequestEvent | ErrorEvent, label = ''): void {
  switch (event.event) {
    case 'client':
      return event.state === 'ended' ? print(label + clientLine(event)) : undefined;
    case 'request':
      return print(label + requestLine(event));
    case 'error': {
      const { id, peer, request } = event;
      const what = request === undefined ? `connection ${id}` : escapeControl(request);
      const where = `${what} from ${from(peer)}`;
      writeLog(process.stderr, `${label}error in the handler of ${where}: ${escapeLines(event.error)}\n`);
    }
  }
}

/** Prints lines to standard output. */
export function print(...lines: readonly string[]): void {
  writeLog(process.stdout, lines.map((line) => `${escapeControl(line)}\n`).join(''));
}

function requestLine({ peer, method, path, status, bytes, ms, gone }: RequestEvent): string {
  const size = bytes === undefined ? '' : `  ${bytes} bytes`;
  const end = gone ? '  client left' : '';
  return `${from(peer)}  ${method} ${path}  ${status ?? '-'}${size}  ${ms.toFixed(0)} ms${end}`;
}

function from(peer: Address | undefined): string {
  return peer === undefined ? 'an unknown client' : formatAddress(peer);
}

function clientLine({ peer, ms, bytesRead, bytesWritten, outcome, reason }: ClientEndedEvent): string {
  const end = reason === undefined ? outcome : `${outcome}: ${reason}`;
  return `${formatAddress(peer)}  ${ms.toFixed(0)} ms  ${bytesRead} bytes in, ${bytesWritten} out  ${end}`;
}

function stoppingLine({ clients, grace }: StoppingEvent): string {
  if (clients === 0) return 'stopping';
  const who = clients === 1 ? '1 client gets' : `${clients} clients get`;
  return `stopping: ${who} up to ${grace / 1000} s to finish; a second signal ends it at once`;
}

/** The lines that say where it listens and what to type. */
function banner(event: ReadyEvent, tls: TlsFiles | undefined): string[] {
  const { inspector, pid } = event;
  const lines = event.http === true ? howToOpen(event, tls) : howToConnect(event, tls);
  if (inspector === undefined) return lines;
  const page = inspector.page ?? `npx maitre console ${pid}`;
  return [...lines, 'to look into it, type or open:', `    npx maitre ps ${pid}`, `    ${page}`];
}

/** The lines for an app that is served over HTTP. */
function howToOpen(event: ReadyEvent, tls: TlsFiles | undefined): string[] {
  const first = event.addresses.find(isReachable);
  const scheme = tls === undefined ? 'http' : 'https';
  const lines = [`${serving(event)} over ${scheme.toUpperCase()}${withWorkers(event)}; Ctrl-C ends it`];
  if (first === undefined) return lines;
  if ('path' in first) {
    const how = tls === undefined ? '' : `--cacert ${tls.files.cert} `;
    return [...lines, 'to see it work, type:', `    curl ${how}--unix-socket ${first.path} ${scheme}://localhost/`];
  }
  const host = formatAddress({ ...first, address: reachable(first.address) });
  return [...lines, 'to see it work, open:', `    ${scheme}://${host}/`];
}

function serving({ file, addresses }: ReadyEvent): string {
  const where = addresses.map(formatAddress).join(' and ');
  return where === '' ? `running ${file}` : `serving ${file} on ${where}`;
}

function withWorkers({ workers }: ReadyEvent): string {
  return workers === undefined ? '' : ` with ${workers} ${workers === 1 ? 'worker' : 'workers'}`;
}

function howToConnect(event: ReadyEvent, tls: TlsFiles | undefined): string[] {
  const first = event.addresses.find(isReachable);
  const lines = [`${serving(event)}${tls === undefined ? '' : ' over TLS'}${withWorkers(event)}; Ctrl-C ends it`];
  if (first === undefined) return lines;
  lines.push('to see it work, type in another terminal:');
  if (tls !== undefined) {
    const at = 'path' in first ? first.path : { address: reachable(first.address), port: first.port };
    return [...lines, `    ${connectCommand(tls, at)}`];
  }
  if (hasNc()) {
    lines.push(
      'path' in first
        ? `    printf hi | nc -U ${first.path}`
        : `    printf hi | nc ${reachable(first.address)} ${first.port}`,
    );
  }
  lines.push(
    `    npx maitre connect ${'path' in first ? first.path : formatAddress({ ...first, address: reachable(first.address) })}`,
  );
  return lines;
}

/** Whether a command line can name the address: not that of a Unix socket without a file. */
function isReachable(address: Address): boolean {
  return !('path' in address) || !/^(?:\0|$)/.test(address.path);
}

/** Replaces "all interfaces" by an address that a client can connect to. */
function reachable(address: string): string {
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
}

function hasNc(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'nc'), constants.X_OK);
      return true;
    } catch {
      return false; // not there: the next folder
    }
  });
}
