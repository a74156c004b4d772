// Tells systemd, or a supervisor that speaks its protocol, how the service is: sd_notify(3). The
// environment says where it listens (NOTIFY_SOCKET), and how often it wants to see that the service
// is alive (WATCHDOG_USEC, for the process WATCHDOG_PID). The sockets that systemd hands in are
// another matter: net/listen-fds.ts.
//
// - The variables are read once and deleted, so that children do not speak for the service.
// - Messages leave one at a time, in order, because READY=1 before RELOADING=1 would be another
//   story. What has not left yet is bounded: a later status replaces an earlier one, a sign of life
//   is not sent twice, and a reload that is over is left out when the next one begins.
// - Nothing here fails: what cannot be sent is reported once, and the service goes on.
import { describeThrown, escapeControl } from '../base/index.ts';
import { findNotifyWay, type NotifyWay } from './notify-way.ts';

/** The environment variables of the protocol. */
export interface NotifyVariables {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

export interface SystemdOptions {
  /** Called once, with one line, if systemd cannot be told. */
  readonly onTrouble: (line: string) => void;
  /** Finds the way to the socket. */
  readonly findWay?: (socket: string) => NotifyWay | undefined;
}

const VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];
/** Signs of life within the time that systemd waits for one. It asks for two; one may be late. */
const SIGNS = 3;
/** Milliseconds between two signs of life at least. */
const LEAST_PULSE = 10;

/** What the service can say. */
export interface Systemd {
  /** How it is told. */
  readonly through: NotifyWay['name'];
  /** Milliseconds within which it wants a sign of life. Undefined if it wants none. */
  readonly watchdog: number | undefined;
  /** The service serves: after its start, and after a reload. */
  ready(status: string): void;
  /** A reload begins. `ready` follows, also if the reload failed. */
  reloading(status: string): void;
  /** The service ends. */
  stopping(status: string): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  /** Sends signs of life, as long as `isAlive` returns true, until disposed. */
  watch(isAlive: () => boolean): Disposable;
  /** Waits until all has been sent, for at most `ms` milliseconds. Never rejects. */
  sent(ms: number): Promise<void>;
}

/**
 * Returns what tells systemd, if it wants to be told, and deletes its variables from `process.env`.
 * Undefined otherwise, and where there is no way to tell it, which is reported.
 */
export function openSystemd(options: SystemdOptions): Systemd | undefined {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = process.env;
  for (const name of VARIABLES) delete process.env[name];
  return systemdFor({ NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID }, process.pid, options);
}

/** Reads the variables for the process `pid`. */
export function systemdFor(
  { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID }: NotifyVariables,
  pid: number,
  { onTrouble, findWay = findNotifyWay }: SystemdOptions,
): Systemd | undefined {
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return undefined;
  const way = findWay(NOTIFY_SOCKET);
  if (way === undefined) {
    onTrouble('cannot tell systemd: neither the program systemd-notify nor the package unix-dgram is there');
    return undefined;
  }
  const isForUs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
  const us =
    isForUs && WATCHDOG_USEC !== undefined && /^[1-9]\d{0,15}$/.test(WATCHDOG_USEC) ? WATCHDOG_USEC : undefined;
  return new Notifier(way, us === undefined ? undefined : Number(us) / 1000, onTrouble);
}

class Notifier implements Systemd {
  readonly watchdog: number | undefined;
  readonly #way: NotifyWay;
  readonly #onTrouble: (line: string) => void;
  /** Whether trouble was reported. */
  #isReported = false;
  /** What has not left yet. */
  #states: State[] = [];
  #status: string | undefined = undefined;
  #isPulseDue = false;
  /** Sends what has not left, until nothing is left; undefined while there is nothing. */
  #sending: Promise<void> | undefined = undefined;

  constructor(way: NotifyWay, watchdog: number | undefined, onTrouble: (line: string) => void) {
    this.#way = way;
    this.watchdog = watchdog;
    this.#onTrouble = onTrouble;
  }

  get through(): NotifyWay['name'] {
    return this.#way.name;
  }

  ready(status: string): void {
    this.#push({ name: 'READY', text: 'READY=1' }, status);
  }

  reloading(status: string): void {
    // systemd takes READY=1 for the end of a reload only if this is later than its signal. On its
    // clock, which is also that of hrtime on Linux.
    const now = process.hrtime.bigint() / 1000n;
    this.#push({ name: 'RELOADING', text: `RELOADING=1\nMONOTONIC_USEC=${now}` }, status);
  }

  stopping(status: string): void {
    this.#push({ name: 'STOPPING', text: 'STOPPING=1' }, status);
  }

  status(text: string): void {
    this.#status = text;
    this.#begin();
  }

  watch(isAlive: () => boolean): Disposable {
    if (this.watchdog === undefined) return { [Symbol.dispose]: () => undefined };
    const pulse = (): void => {
      if (!isAlive()) return;
      this.#isPulseDue = true;
      this.#begin();
    };
    const timer = setInterval(pulse, Math.max(LEAST_PULSE, this.watchdog / SIGNS));
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  async sent(ms: number): Promise<void> {
    if (this.#sending === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([this.#sending, late]);
    clearTimeout(timer);
  }

  #push(state: State, status: string): void {
    // Of RELOADING, READY, RELOADING, the first two say nothing that the third does not.
    if (this.#states.at(-2)?.name === state.name) this.#states.splice(-2);
    this.#states.push(state);
    this.#status = status;
    this.#begin();
  }

  #begin(): void {
    this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    await Promise.resolve(); // what is said in one turn may leave as one message
    for (let message = this.#next(); message !== ''; message = this.#next()) {
      try {
        await this.#way.send(message);
      } catch (error) {
        if (!this.#isReported) this.#onTrouble(`cannot tell systemd: ${escapeControl(describeThrown(error))}`);
        this.#isReported = true;
      }
    }
    this.#sending = undefined; // in the same turn as the last look: what is said later begins anew
  }

  /** Takes the next message; empty if there is none. */
  #next(): string {
    const state = this.#states.shift();
    const lines = state === undefined ? [] : [state.text];
    if (this.#isPulseDue) lines.push('WATCHDOG=1');
    // The latest status is that of the latest state.
    if (this.#status !== undefined && this.#states.length === 0) lines.push(`STATUS=${escapeControl(this.#status)}`);
    this.#isPulseDue = false;
    if (this.#states.length === 0) this.#status = undefined;
    return lines.join('\n');
  }
}

interface State {
  readonly name: 'READY' | 'RELOADING' | 'STOPPING';
  readonly text: string;
}
