// Explains why `maitre serve` cannot listen, in terms of the command line.
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ServerOptions } from '../index.node.ts';
import { CommandError } from './command.ts';

/** Turns an error of startServer into the one line that the user sees. */
export function listenFailure({ code = '', message }: NodeJS.ErrnoException, options: ServerOptions): CommandError {
  if (options.fd !== undefined) return new CommandError(message.replace(/^C/, 'c'), 1); // it names the descriptor
  const where = options.path ?? `${String(options.host)}:${options.port}`;
  return new CommandError(`cannot listen on ${where}: ${whyNot(code, options) ?? withoutAction(message)}`, 1);
}

/** Options of the library that the user typed otherwise. */
const TYPED: readonly (readonly [RegExp, string])[] = [
  [/\breusePort\b/g, '--reuse-port'],
  [/\buse processes\b/, 'use --isolate processes'],
];

/** Options that exclude each other, or that this runtime cannot follow, in the words of the command line. */
export function wrongUse(error: unknown): CommandError | undefined {
  const message = error instanceof Error ? error.message : '';
  const [, why] = /^Cannot (?:serve with workers|start server): ([^]*)/.exec(message) ?? [];
  if (why === undefined) return undefined;
  return new CommandError(`cannot serve: ${TYPED.reduce((text, [name, typed]) => text.replace(name, typed), why)}`, 2);
}

/** What an error of the system means to a user who typed the address. */
function whyNot(code: string, { path, port = 0 }: ServerOptions): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `somebody listens there already; ${path === undefined ? 'choose another with --port' : 'end it, or choose another --path'}`;
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address (EADDRNOTAVAIL)';
    case 'EAFNOSUPPORT':
      return 'this machine has no addresses of that kind (EAFNOSUPPORT)';
    case 'ENOTFOUND':
      return 'no such host (ENOTFOUND)';
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EACCES':
      // libuv reports EACCES for a folder that does not exist.
      return (
        (path === undefined ? undefined : missingFolder(path)) ?? (code === 'EACCES' ? denied(path, port) : undefined)
      );
    default:
      return undefined;
  }
}

function denied(path: string | undefined, port: number): string {
  return `permission denied${path === undefined && port < 1024 ? '; ports below 1024 are for the administrator' : ''}`;
}

function missingFolder(path: string): string | undefined {
  const folder = dirname(path);
  try {
    return statSync(folder).isDirectory() ? undefined : `${folder} is not a folder`;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException; // asking fails with Errors
    return ['ENOENT', 'ENOTDIR'].includes(code) ? `there is no folder ${folder}` : undefined;
  }
}

/** Where an error says itself what could not be done, only why. */
function withoutAction(message: string): string {
  return message.replace(/^Cannot listen on .*?: /, '');
}
