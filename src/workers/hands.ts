// Which kind of worker there is, and the deck that hands clients to it.
import { InvalidStateError } from '../core/index.ts';
import type { ServerOptions } from '../net/index.ts';
import type { ClientDeck } from './client-deck.ts';
import { Deck } from './deck.ts';
import { canMoveSockets } from './can-move-sockets.ts';
import { processLeaves } from './process-leaf.ts';
import { threadLeaves } from './thread-leaf.ts';
import type { LeafMaker } from './worker-leaf.ts';

const ACTION = 'serve with workers';

/** What workers load and serve. */
export interface HandsSettings {
  readonly isolate: 'threads' | 'processes' | undefined;
  /** The path of the file. */
  readonly file: string;
  /** For the default export of the file. */
  readonly server: ServerOptions;
  /** Whether nobody wants events about clients and requests. */
  readonly quiet: boolean;
}

export interface Hands {
  readonly maker: LeafMaker;
  readonly deck: ClientDeck;
}

/**
 * Chooses between threads and processes.
 * @throws RangeError where what was asked for does not work; InvalidStateError where neither works
 */
export async function makeHands({ isolate, ...start }: HandsSettings): Promise<Hands> {
  if ('bun' in process.versions || 'deno' in process.versions)
    throw new InvalidStateError(`Cannot ${ACTION}: this runtime can neither move nor send connections; use Node.js`);
  const { path } = start.server;
  if (isolate === 'threads' && path !== undefined)
    throw new RangeError(`Cannot ${ACTION}: the clients of a Unix socket cannot be moved to threads; use processes`);
  const canBeThreads = isolate !== 'processes' && path === undefined && (await canMoveSockets());
  if (isolate === 'threads' && !canBeThreads) {
    const wanted = 'threads need Node.js 24.21 or later, or 26.6 or later';
    throw new RangeError(`Cannot ${ACTION}: ${wanted}, this is ${process.versions.node}; use processes`);
  }
  const { block: _block, allow: _allow, ...server } = start.server; // the deck has them
  const maker = canBeThreads ? threadLeaves : processLeaves;
  return { maker: maker({ ...start, server }), deck: new Deck(start.server) };
}
