// Options of a worker, and their checks.
import {
  type Checks,
  flag,
  integer,
  isObject,
  notNegativeMs,
  ofType,
  oneOf,
  positiveMs,
  wrongValue,
} from '../base/index.ts';
import { BULL_EXECUTOR } from './distributed-options.ts';
import type { RedisOption } from './connect.ts';

/** Options of `worker()`. */
export interface WorkerOptions {
  /**
   * Where Redis is: a URL, the path of a socket, or a client of ioredis, which is duplicated. Defaults
   * to `redis://localhost:6379`.
   */
  readonly redis?: RedisOption | undefined;
  /**
   * The modules that it serves, by name: their URLs, or, with `isolation: 'tasks'`, also the modules
   * themselves. Jobs can call their exported functions, and nothing else.
   */
  readonly modules: Readonly<Record<string, object | string>>;
  /** The first part of all keys. Defaults to `maitre`. */
  readonly prefix?: string | undefined;
  /** The queue. Defaults to `jobs`. */
  readonly queue?: string | undefined;
  /** The number of jobs that run at once. Defaults to 1. */
  readonly concurrency?: number | undefined;
  /**
   * Where jobs run. `tasks` (the default): in this thread, for jobs that mostly wait. `threads` and
   * `processes`: one for each job that runs at once, for those that compute; a job that does not end
   * can then be stopped.
   */
  readonly isolation?: 'processes' | 'tasks' | 'threads' | undefined;
  /** Milliseconds that a cancelled job has for its cleanup. Then its place is freed. Defaults to 500. */
  readonly cancelGrace?: number | undefined;
  /**
   * Whether it runs functions that come as text, of `executor.run()`. Whoever can write to Redis can
   * then run any code here. Defaults to false.
   */
  readonly closedFunctions?: boolean | undefined;
  /**
   * Milliseconds after which a job whose worker gives no sign of life belongs to another one. A thread
   * that is blocked for longer makes its jobs run twice. All workers of a queue must have the same.
   * Defaults to 30,000.
   */
  readonly lock?: number | undefined;
  /** Milliseconds between two looks for such jobs. All workers must have the same. Defaults to 5000. */
  readonly stalledInterval?: number | undefined;
  /** The number of times that a job may lose its worker before it fails. Defaults to 3. */
  readonly maxLosses?: number | undefined;
  /** The maximum size of a result, of an item of a stream, and of what a job reports, in bytes of JSON. Defaults to 1 MiB. */
  readonly maxPayload?: number | undefined;
  /** Shown in messages and by tools. */
  readonly name?: string | undefined;
}

/** The checks for every option of a worker. */
export const WORKER: Checks<WorkerOptions> = {
  redis: BULL_EXECUTOR.redis,
  modules: checkModules,
  prefix: BULL_EXECUTOR.prefix,
  queue: BULL_EXECUTOR.queue,
  concurrency: integer(1),
  isolation: oneOf('tasks, threads or processes'),
  cancelGrace: notNegativeMs,
  closedFunctions: flag,
  lock: positiveMs,
  stalledInterval: positiveMs,
  maxLosses: integer(0),
  maxPayload: integer(1, Infinity),
  name: ofType('string', 'text', () => true),
};

function checkModules(action: string, name: string, value: unknown): void {
  const expected = "modules by name, such as { heavy: new URL('./heavy.js', import.meta.url) }";
  if (!isObject(value)) throw wrongValue(action, name, expected, value, 'object');
  for (const module of Object.values(value)) {
    const isRight = typeof module === 'string' ? URL.canParse(module) : typeof module === 'object' && module !== null;
    if (!isRight) throw wrongValue(action, name, expected, module, 'object');
  }
}
