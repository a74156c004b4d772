// The inspector, as the program sees it. The worker holds everything that must go on while the main
// thread is blocked; this half answers its questions.
//
// States: STARTING --(the worker is ready)--> RUNNING --(close, or the worker's death)--> CLOSED.
// From STARTING on, and until it is CLOSED, the function at Symbol.for('maitre.inspect') is there.
import { type OpenedRoom, openRoomsWith, type RoomPlace } from '../../hosts/node/index.ts';
import { unlinkSync } from 'node:fs';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { disposable } from '../../base/index.ts';
import { Future, InvalidStateError, reportException } from '../../core/index.ts';
import type { BlockRow } from '../../introspect/index.ts';
import type { FromWorker, RoomSeat, Settings, ToWorker, WorkerData } from '../crossing.ts';
import { socketOfRoom } from '../sockets/index.ts';
import { Observed } from './observed.ts';

type Ready = FromWorker & { readonly type: 'ready' };

/** A running inspector. `startInspector` makes it. */
export class Inspector implements AsyncDisposable {
  /** Null until it answers, and without one. */
  #socket: string | null = null;
  /** An address of the page, as it was made at the start; null for no page. */
  #page: string | null = null;
  /** Null until it answers, and without metrics. */
  #metricsPort: number | null = null;
  readonly #worker: Worker;
  readonly #ready = new Future<Ready>();
  readonly #exited = new Future<void>();
  readonly #undo: Disposable[] = [];
  readonly #settings: Settings;
  readonly #observed = new Observed();
  readonly #onBlock = new Set<{ readonly fn: (row: BlockRow) => void }>();
  #closed = false;

  /** @internal */
  constructor(settings: Settings, version: string) {
    this.#settings = settings;
    const workerData: WorkerData = { ...this.#observed.data, version, settings };
    // What it prints is dropped, and it runs without the flags of the process: with --import
    // maitre/inspect among them, it would start an inspector itself.
    this.#worker = new Worker(new URL('../worker/inspector-worker.js', import.meta.url), {
      workerData,
      execArgv: [],
      stdout: true,
      stderr: true,
      name: 'maitre inspector',
    });
    this.#undo.push(
      this.#observed,
      this.#unlinkAtExit(),
      disposable(() => openRoomsWith(undefined)),
    );
    openRoomsWith((at) => this.#openRoom(at));
    this.#observed.begin(settings.record, (message, transfer) => this.#worker.postMessage(message, transfer));
    this.#listen();
  }

  /**
   * Resolves when it answers.
   * @param hold whether the process waits for that
   * @internal
   */
  async ready(hold: boolean): Promise<void> {
    if (hold) this.#worker.ref();
    else this.#worker.unref();
    try {
      ({ page: this.#page, metricsPort: this.#metricsPort } = await this.#ready);
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#worker.unref();
  }

  /**
   * Calls `fn` with each block of the main thread: once it is detected, and once it is over.
   * @internal
   */
  onBlock(fn: (row: BlockRow) => void): Disposable {
    const entry = { fn };
    this.#onBlock.add(entry);
    return disposable(() => void this.#onBlock.delete(entry));
  }

  /**
   * The address of the page, with a token that is good for one visitor; undefined without the option
   * `web`. `maitre console` makes further ones.
   */
  get page(): string | undefined {
    return this.#page ?? undefined;
  }

  /** The port of the metrics; undefined without the option `metrics`. */
  get metricsPort(): number | undefined {
    return this.#metricsPort ?? undefined;
  }

  /** The path of the control socket; undefined without one. */
  get socket(): string | undefined {
    return this.#socket ?? undefined;
  }

  /** True once it was closed, or its worker has died. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Looks at a worker of the program together with this thread, from now until `close`. The worker
   * has to `enterRoom` with the seat.
   */
  #openRoom(at: RoomPlace): OpenedRoom {
    const { control, record, blockAfter } = this.#settings;
    if (at.kind === 'process') {
      const socket = socketOfRoom(this.#settings.sockets[0], at.worker);
      this.#post({ type: 'room', at, socket });
      return this.#opened(at, { kind: 'process', socket, control, record, blockAfter }, []);
    }
    const { port1, port2 } = new MessageChannel();
    this.#post({ type: 'room', at, port: port1 }, [port1]);
    return this.#opened(at, { kind: 'thread', port: port2, record }, [port2]);
  }

  #opened({ worker }: RoomPlace, seat: RoomSeat, transfer: readonly MessagePort[]): OpenedRoom {
    return {
      seat,
      transfer,
      close: () => {
        if (!this.#closed) this.#post({ type: 'room-gone', worker });
      },
    };
  }

  /** Ends it: viewers are disconnected, and the socket is removed. Idempotent. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#end();
      this.#worker.ref();
      this.#post({ type: 'close' });
    }
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(): void {
    this.#closed = true;
    for (const each of this.#undo.splice(0).toReversed()) each[Symbol.dispose]();
  }

  #listen(): void {
    let cause: unknown;
    this.#worker.on('message', (message: FromWorker) => {
      if (this.#observed.take(message)) return;
      if (message.type === 'block') this.#tellBlock(message.row);
      else if (message.type === 'ready') {
        this.#socket = message.socket;
        this.#ready.setResult(message);
      } else if (message.type === 'failed') {
        const { error, code } = message;
        this.#ready.setException(code === undefined ? error : Object.assign(error as Error, { code })); // an error has it
      }
    });
    this.#worker.on('error', (error) => (cause = error));
    this.#worker.on('exit', (code) => {
      if (!this.#ready.done())
        this.#ready.setException(new InvalidStateError('Cannot start inspector: its thread has ended', { cause }));
      else if (!this.#closed)
        reportException({
          message: 'The inspector has ended; the program goes on',
          error: cause ?? `exit code ${code}`,
        });
      if (!this.#closed) this.#end();
      this.#exited.setResult();
    });
  }

  #post(message: ToWorker, transfer: MessagePort[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #tellBlock(row: BlockRow): void {
    for (const { fn } of this.#onBlock) {
      try {
        fn(row);
      } catch (error) {
        reportException({ message: 'A function that watches for blocks failed', error });
      }
    }
  }

  /** The worker dies with the process, and leaves the file. */
  #unlinkAtExit(): Disposable {
    const unlink = (): void => {
      try {
        if (this.#socket !== null) unlinkSync(this.#socket);
      } catch {
        // It is gone.
      }
    };
    process.on('exit', unlink);
    return disposable(() => process.off('exit', unlink));
  }
}
