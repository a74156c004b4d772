// Watches one WebSocket: finds clients that are gone without a word, and ends idle connections.
//
// One timer for each socket. What happens on the socket only writes a time; the timer compares and
// sets itself again. So a message costs no timer.
//
// States of the heartbeat: QUIET -(nothing heard for `heartbeat`)-> PINGED -(anything heard)-> QUIET.
// In PINGED, the client has `heartbeatTimeout` from the time at which the system took the ping. A ping
// behind unsent messages does not count yet: then the client has the same time for taking any of
// them.
//
// A socket that does not read, because its handler has enough, cannot hear, and does not see its
// client leave. It sends pings all the same: that the system takes them is all that it waits for, and
// one or two pings after the client has gone, the system refuses.
import { callLater, type Handle, loopTime } from '../core/index.ts';

/** What the watch reads of its socket, and does to it. */
export interface Watched {
  /** Whether it stopped reading. */
  isPaused(): boolean;
  /** How often the system has taken something to send. */
  taken(): number;
  /** Sends a ping. `sent` is called when the system took it. */
  ping(sent: () => void): void;
  /** The client is gone. */
  dead(ms: number): void;
  idle(ms: number): void;
}

export interface WatchTimes {
  readonly heartbeat: number;
  readonly heartbeatTimeout: number;
  readonly idleTimeout: number;
}

export class SocketWatch {
  readonly #socket: Watched;
  readonly #times: WatchTimes;
  #heardAt: number = loopTime();
  #messageAt: number = loopTime();
  /** When the answer to the ping began to be due; undefined in QUIET. */
  #pingedAt: number | undefined = undefined;
  /** `taken` when the ping was sent or last looked at; undefined once the system took the ping. */
  #takenBefore: number | undefined = undefined;
  #timer: Handle | undefined = undefined;
  #stopped = false;

  constructor(socket: Watched, times: WatchTimes) {
    this.#socket = socket;
    this.#times = times;
    this.#arm();
  }

  /** Something came from the client, or may have, because the socket reads again. */
  heard(): void {
    this.#heardAt = loopTime();
    if (this.#pingedAt === undefined) return;
    this.#pingedAt = undefined;
    this.#arm(); // the timer stands at the end of the time for an answer
  }

  /** A message came or was sent. */
  message(): void {
    this.#messageAt = loopTime();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Does what is due. */
  #look(): void {
    const { heartbeat, heartbeatTimeout, idleTimeout } = this.#times;
    const now = loopTime();
    if (now - this.#messageAt >= idleTimeout) return this.#socket.idle(idleTimeout);
    if (this.#pingedAt === undefined) {
      if (now - this.#heardAt >= heartbeat) this.#ping(now);
      return;
    }
    if (this.#takenBefore === undefined && this.#socket.isPaused()) return this.heard();
    if (this.#takenBefore !== undefined && this.#socket.taken() > this.#takenBefore) {
      this.#takenBefore = this.#socket.taken();
      this.#pingedAt = now;
    }
    if (now - this.#pingedAt >= heartbeatTimeout) this.#socket.dead(heartbeatTimeout);
  }

  #ping(now: number): void {
    this.#pingedAt = now;
    this.#takenBefore = this.#socket.taken();
    this.#socket.ping(() => {
      if (this.#pingedAt === undefined) return;
      if (this.#socket.isPaused()) return this.heard();
      this.#pingedAt = loopTime();
      this.#takenBefore = undefined;
    });
  }

  /** Sets the timer for what is due next. */
  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stopped) return;
    const { heartbeat, heartbeatTimeout, idleTimeout } = this.#times;
    const beat = this.#pingedAt === undefined ? this.#heardAt + heartbeat : this.#pingedAt + heartbeatTimeout;
    const when = Math.min(beat, this.#messageAt + idleTimeout);
    if (when === Infinity) return;
    this.#timer = callLater(Math.max(0, when - loopTime()), () => {
      this.#timer = undefined;
      this.#look();
      this.#arm();
    });
  }
}
