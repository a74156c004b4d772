// The lines that `maitre serve` prints for people: the banner, a line per client, and the end.
// Errors of handlers go to standard error. Whatever clients sent, it stays on its line.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { escapeControl, escapeLines } from '../base/index.ts';
import { type Address, formatAddress } from '../index.node.ts';
import type { ClientEndedEvent, ReadyEvent, ServeListener, StoppingEvent } from './serve-events.ts';
import { connectCommand, type TlsFiles } from './tls-files.ts';

/** @param tls the certificate, for the command that the banner shows */
export function linePrinter(tls: TlsFiles | undefined): ServeListener {
  return (event) => {
    switch (event.event) {
      case 'ready':
        return print(...banner(event, tls));
      case 'client':
        return event.state === 'ended' ? print(clientLine(event)) : undefined;
      case 'error': {
        const where = `connection ${event.id} from ${formatAddress(event.peer)}`;
        process.stderr.write(`error in the handler of ${where}: ${escapeLines(event.error)}\n`);
        return;
      }
      case 'stopping':
        return print(stoppingLine(event));
      case 'stopped': {
        const { finished, cancelled, aborted } = event.report;
        return print(`stopped: ${finished} finished, ${cancelled} cancelled, ${aborted} aborted`);
      }
    }
  };
}

function print(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${escapeControl(line)}\n`).join(''));
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
function banner({ addresses, file }: ReadyEvent, tls: TlsFiles | undefined): string[] {
  const where = addresses.map(formatAddress).join(' and ');
  const first = addresses.find(isReachable);
  const lines = [`serving ${file} on ${where}${tls === undefined ? '' : ' over TLS'}; Ctrl-C ends it`];
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
