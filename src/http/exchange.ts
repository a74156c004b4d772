// One request and its answer, as the parts of this room see them: what stands behind the Request
// that a handler receives.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { currentTask, type Task } from '../core/index.ts';
import type { Connection, EndOrder } from '../net/index.ts';
import { AppRequest } from './app-request.ts';

/** A client that asked to leave HTTP: the 'upgrade' event of node:http. */
export interface Upgrade {
  /** What the client and the server speak through from now on. */
  readonly socket: Duplex;
  /** What came after the head of the request. */
  readonly head: Buffer;
}

/** What stands behind a Request. */
export interface Exchange {
  /** The request as node:http has it. */
  readonly incoming: IncomingMessage;
  /** The answer as node:http has it. */
  readonly outgoing: ServerResponse;
  /** The task of the request. The client's leaving cancels it. */
  readonly task: Task<unknown>;
  /** The connection of maitre under it. Undefined where the runtime hides it. */
  readonly connection: Connection | undefined;
  /** Set when the client asked to upgrade. */
  readonly upgrade: Upgrade | undefined;
  /**
   * Takes the answer over: the server sends nothing, and what the handler returns is dropped. For
   * an upgrade, the socket belongs to the caller from now on.
   * @param work called in the task of the request, once the handler has returned. It takes over
   * then, and not before: what the handler throws is still answered. It runs without the timeout of
   * the server, and sees by itself when the client leaves. The request ends with it. Default: it ends
   * at once
   */
  hijack(work?: () => unknown): void;
  /** Lifts the timeout of the server: for an answer that is meant to take long. */
  withoutTimeout(): void;
  /**
   * Calls `fn` once when a shutdown of the server begins, or at once if it has begun; at a reload,
   * when the grace is over. Disposing it undoes that, and so does the end of the request. It must not
   * throw.
   */
  onShutdown(fn: (order: EndOrder) => void): Disposable;
}

/** Returns what stands behind a request; undefined for one that no server of maitre received. */
export function exchangeOf(request: Request): Exchange | undefined {
  return AppRequest.exchangeOf(request) as Exchange | undefined; // only RequestExchange makes them
}

/** The requests to upgrade, by their tasks. Few requests are: the others are not noted. */
const upgrades = new WeakMap<Task<unknown>, Exchange>();

/** Notes the task of a request to upgrade. */
export function noteUpgrade(task: Task<unknown>, exchange: Exchange): void {
  upgrades.set(task, exchange);
}

/** Returns what stands behind a request to upgrade, or behind the task that runs: an app may copy requests. */
export function upgradeOf(request: Request): Exchange | undefined {
  const task = currentTask();
  return exchangeOf(request) ?? (task === undefined ? undefined : upgrades.get(task));
}
