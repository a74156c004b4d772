// One reload, for all who wait for it. It begins for the first, and when the last of them is
// cancelled, it stops: a new worker that is being started is ended, and those that serve stay.
import { Line, QueuedWait, type WaitOptions } from '../core/index.ts';
import type { WorkerFailure } from './protocol.ts';

/** How a reload ended. */
export interface ReloadReport {
  /**
   * `done`: every place has a new worker. `failed`: a new worker did not become ready, and the old
   * ones go on. `skipped`: the supervisor ends, or nobody waited any more.
   */
  readonly state: 'done' | 'failed' | 'skipped';
  /** The number of the reload. */
  readonly generation: number;
  /** How many places have a new worker. Those before them drain, within their grace. */
  readonly replaced: number;
  /** Milliseconds that it took. */
  readonly ms: number;
  /** With `failed`: the place whose new worker failed, and why. */
  readonly place?: number;
  readonly failure?: WorkerFailure;
  /** With `skipped`: why. */
  readonly reason?: string;
}

export class Roll {
  readonly #line = new Line<ReloadReport, RollWait>();
  /** Whether nobody waits any more. */
  isStopped = false;
  /** Ends the step that runs. Written by the one who makes the reload. */
  onStop: (() => void) | undefined = undefined;

  /** Waits for the end. Call `beginWait` before. */
  wait(supervisor: object, options: WaitOptions | undefined): Promise<ReloadReport> {
    return this.#line.join(new RollWait(this, supervisor, options));
  }

  end(report: ReloadReport): void {
    this.#line.answerAll(report);
  }

  /** A wait has left. */
  left(): void {
    if (this.#line.size > 0 || this.isStopped) return;
    this.isStopped = true;
    this.onStop?.();
  }
}

class RollWait extends QueuedWait<ReloadReport> {
  readonly #roll: Roll;

  constructor(roll: Roll, supervisor: object, options: WaitOptions | undefined) {
    super('supervisor.reload', supervisor, options);
    this.#roll = roll;
  }

  protected override withdraw(answered: boolean, report: ReloadReport): void {
    super.withdraw(answered, report);
    if (!answered) this.#roll.left();
  }
}
