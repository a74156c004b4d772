// LocalPlaces: where a worker runs its jobs: in tasks, threads or processes of this machine. It is
// also what keeps a job from calling anything that the worker does not serve.
import { type Job, type JobCall, callOf, type PoolExecutor } from '../executors/index.ts';
import { ProcessExecutor, ThreadExecutor } from '../executors/node/index.ts';
import { importModule } from '../hosts/node/index.ts';
import type { JobData } from './remote-protocol.ts';
import { TaskExecutor } from './task-executor.ts';
import { decode } from './wire-value.ts';
import type { WorkerOptions } from './worker-options.ts';

/** The scheme of the addresses of modules in this thread: they have names only. */
const SCHEME = 'maitre:';

type Exports = Readonly<Record<string, unknown>>;

export class LocalPlaces {
  readonly #options: WorkerOptions;
  readonly #executor: PoolExecutor;
  /** What jobs have called, by module and function. */
  readonly #targets = new Map<string, JobCall['target']>();

  /** @throws TypeError for a module that cannot be sent to another thread */
  constructor(options: WorkerOptions) {
    this.#options = options;
    const { concurrency: size = 1, cancelGrace, isolation = 'tasks', modules } = options;
    if (isolation === 'tasks') {
      this.#executor = new TaskExecutor({ size, cancelGrace }, (address) => this.#load(address));
      return;
    }
    for (const [name, module] of Object.entries(modules)) {
      if (addressOf(module) === undefined)
        throw new TypeError(`Cannot start worker: with isolation ${isolation}, the module ${name} must be a URL`);
    }
    this.#executor =
      isolation === 'threads' ? new ThreadExecutor({ size, cancelGrace }) : new ProcessExecutor({ size, cancelGrace });
  }

  /**
   * Imports the modules, where they run in this thread: a mistake in one shows before the first job.
   * @throws TypeError for a module without a function
   */
  async start(): Promise<void> {
    const { isolation = 'tasks', modules } = this.#options;
    if (isolation !== 'tasks') return;
    for (const [name, module] of Object.entries(modules)) {
      const address = addressOf(module);
      const exports = address === undefined ? (module as Exports) : await importModule(address);
      if (Object.values(exports).some((each) => typeof each === 'function')) continue;
      throw new TypeError(
        `Cannot start worker: the module ${name} exports no function; export those that jobs call: export function work() {}`,
      );
    }
  }

  /**
   * Starts a job.
   * @throws TypeError if this worker does not serve what it calls
   */
  run(
    data: JobData,
    more: Pick<JobCall, 'attempt' | 'within'>,
    onProgress: (value: unknown) => void,
  ): { readonly job: Job; readonly outcome: Promise<unknown> } {
    const { timeout, label: name } = data;
    return this.#executor.start({ ...this.#callOf(data), ...more }, { timeout, name, onProgress });
  }

  async shutdown(): Promise<void> {
    await this.#executor.shutdown({ grace: 0 });
  }

  #callOf({ module, source, fn, args: encoded, label }: JobData): JobCall {
    const args = decode(encoded) as readonly unknown[]; // dataOf() has encoded an array
    if (module !== undefined) return { target: this.#targetOf(module, fn, label), args, label };
    if (source === undefined || this.#options.closedFunctions !== true) {
      throw new TypeError(
        `Cannot run ${label}: this worker runs no functions that come as text; put it into a module, or start the worker with closedFunctions`,
      );
    }
    return { target: { fn: 0, module: undefined, source, name: fn, label }, args, label };
  }

  #targetOf(module: string, fn: string, label: string): JobCall['target'] {
    const key = `${module}\n${fn}`;
    let target = this.#targets.get(key);
    if (target === undefined) {
      ({ target } = callOf({ module: this.#addressOf(module, fn, label), name: fn }, false));
      this.#targets.set(key, target);
    }
    return target;
  }

  /** The address under which the local executor knows a module. */
  #addressOf(name: string, fn: string, label: string): string {
    const { modules, isolation = 'tasks' } = this.#options;
    if (!Object.hasOwn(modules, name)) {
      const names = Object.keys(modules).join(', ') || 'none';
      throw new TypeError(
        `Cannot run ${label}: this worker does not serve the module ${JSON.stringify(name)}, only ${names}`,
      );
    }
    if (fn in Object.prototype)
      throw new TypeError(`Cannot run ${label}: ${JSON.stringify(fn)} is no function of a module`);
    if (isolation === 'tasks') return SCHEME + encodeURIComponent(name);
    return addressOf(modules[name] as object) as string; // the constructor has looked
  }

  async #load(address: string): Promise<Exports> {
    const module = this.#options.modules[decodeURIComponent(address.slice(SCHEME.length))] as object | string; // #addressOf has looked
    const url = addressOf(module);
    return url === undefined ? (module as Exports) : importModule(url);
  }
}

/** The URL of a module; undefined for the module itself. */
function addressOf(module: object | string): string | undefined {
  if (module instanceof URL) return module.href;
  return typeof module === 'string' ? module : undefined;
}
