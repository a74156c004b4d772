// Machines of the tests: processes that serve a queue, and executors that have one of their own.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { BullExecutor, type BullExecutorOptions, type WorkerOptions } from 'maitre/distributed';
import type { ServerOptions } from '../support/database-server.js';
import { Program } from '../support/program.js';

const program = fileURLToPath(new URL('./fixtures/serve-queue.js', import.meta.url));

/** Options of a worker as JSON can carry them. */
export type MachineOptions = Omit<WorkerOptions, 'modules' | 'redis'> & {
  readonly redis: string;
  readonly modules: Readonly<Record<string, string>>;
};

/** Starts a machine, and waits until it takes jobs. */
export async function startMachine(options: MachineOptions): Promise<Program> {
  const machine = new Program([program, JSON.stringify(options)]);
  try {
    await machine.sees(/ready\n/);
    return machine;
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * For a Redis that is killed: with its default, a busy disk makes it answer before it has written, and a kill then loses what
 * it has accepted.
 */
export const durable: ServerOptions = { args: ['--appendfsync', 'always'] };

/** A prefix that no other test has. */
export const newPrefix = (): string => `test-${randomUUID().slice(0, 8)}`;

/** An executor with a machine of its own, which ends with it. */
export class WithMachine extends BullExecutor {
  readonly #machine: Program;

  constructor(options: BullExecutorOptions, machine: Program) {
    super(options);
    this.#machine = machine;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      await super[Symbol.asyncDispose]();
    } finally {
      await this.#machine[Symbol.asyncDispose]();
    }
  }
}
