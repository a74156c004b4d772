// The gate of a server: everything from its listening sockets to a client that may be served.
//
// It knows neither handlers nor tasks, so it works without a server: for a protocol that has
// connections of its own, or for a supervisor that passes clients on.
//
// States of the gate: CREATED -(start)-> OPEN -(close)-> CLOSED. A start that fails or is cancelled
// goes back to CREATED (listening.ts).
//
// States of a client: ACCEPTED -> PARKED, while maxConnections are inside (parking.ts) ->
// HANDSHAKE, with TLS -> INSIDE: `onClient` received its wire -(leave)-> done. A client that a rule
// refuses, that finds the parking full, or whose handshake fails is REFUSED: it is closed, counted
// and reported.
//
// - A client takes one of the maxConnections places when its handshake begins, without TLS when
//   `onClient` is called. leave() frees the place.
// - close() drops the clients that are parked or in a handshake. Those inside stay open: whoever
//   received their wires closes them. closeGently() lets the handshakes under way end: their clients
//   come in, though the gate is CLOSED, until close() ends them.
// - What goes wrong with one client refuses that client. It never stops the gate.
//
// Why meet() exists. The header of the PROXY protocol is part of the client's bytes and comes
// before TLS. Reading it takes a reader, limits of time and memory, and something that a shutdown
// can end: a connection. So behind a balancer `onClient` receives the wire at once, its user makes
// a connection, and meet() reads the header through that connection's reader, does the handshake in
// place, and says whether the client may be served. The rejected option, a gate that makes such
// connections itself, needs a second reader and a second set of limits, and must push back what it
// read too much.
import type { SecureContextOptions } from 'node:tls';
import { InvalidStateError, type WaitOptions } from '../core/index.ts';
import type { Address } from './address.ts';
import { Admission } from './admission.ts';
import type { Connection } from './connection.ts';
import type { GateOptions } from './gate-options.ts';
import type { Listen, Listener } from './listener.ts';
import { Listening } from './listening.ts';
import { Parking } from './parking.ts';
import type { RefusalCode } from './refusal.ts';
import { RefusalReports } from './refusal-reports.ts';
import type { TlsAcceptor } from './secure.ts';
import { DEFAULT_BACKLOG } from './serving-options.ts';
import { elsewhere, requireSystem, system } from './system.ts';
import type { Wire } from './wire.ts';

/** Called by a gate. */
export interface GateEvents {
  /**
   * A client is inside. Its wire reads nothing before `listen`. Call `leave` once you are done with
   * the client. Must not throw.
   */
  onClient(wire: Wire): void;
  /** The gate began to listen (true) or stopped (false). */
  onListening?(isUp: boolean): void;
  /** After closeGently(): no client can come in any more. */
  onLastHandshake?(): void;
}

/** What `gate.statistics()` returns. */
export interface GateStatistics {
  /** Clients that the system accepted, including those that were refused. */
  readonly accepted: number;
  /** Clients that were refused, by reason: the codes of `onRefused`. */
  readonly refused: Readonly<Record<RefusalCode, number>>;
  /** Clients that wait for a place among `maxConnections`. */
  readonly parked: number;
  /** TLS handshakes in progress. */
  readonly handshakes: number;
  /** Clients that came in and did not leave yet. */
  readonly inside: number;
}

/**
 * What a client passes before it is served: see the head of this file. Use it alone for a protocol
 * that makes connections of its own.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #events: GateEvents;
  /** Opens the listeners that clients come from. Undefined: the system's. */
  readonly #listenOn: Listen | undefined;
  readonly #listening: Listening;
  readonly #admission: Admission;
  /** Wires that wait for a place. */
  readonly #parking: Parking;
  readonly #reports: RefusalReports;
  /** The server's side of handshakes, from start() on; undefined without TLS. */
  #tls: TlsAcceptor | undefined = undefined;
  #closed = false;
  /** closeGently() was called, and close() not yet. */
  #isGentle = false;
  #accepted = 0;
  #inside = 0;

  /**
   * @param server what reports name as `context.server`. Default: the gate
   * @param listenOn opens the listeners that clients come from. Default: the system's
   */
  constructor(options: GateOptions, events: GateEvents, server?: object, listenOn?: Listen) {
    this.#options = options;
    this.#events = events;
    this.#listenOn = listenOn;
    this.#reports = new RefusalReports(server ?? this, options);
    this.#listening = new Listening(
      () => this.#listen(),
      (message, error) => this.#reports.refuse({ code: 'descriptors', message, error, peer: undefined }),
      (isUp) => events.onListening?.(isUp),
    );
    this.#admission = new Admission(options);
    this.#parking = new Parking(options.backlog ?? DEFAULT_BACKLOG);
  }

  /** The addresses that it listens on. Empty before it listens and after close(). */
  get addresses(): Address[] {
    return this.#listening.addresses;
  }

  /** True while it listens. */
  get isUp(): boolean {
    return this.#listening.isUp;
  }

  /** True from close() on. */
  get closed(): boolean {
    return this.#closed;
  }

  /** True while clients come in although it is closed: handshakes are under way. See closeGently(). */
  get isShakingHands(): boolean {
    return this.#isGentle && (this.#tls?.size ?? 0) > 0;
  }

  /** Whether clients begin with a PROXY header, so that their connections need meet(). */
  get isBehindBalancer(): boolean {
    return this.#options.proxyProtocol === true;
  }

  /** Counts the clients since the gate was made, and its present state. */
  statistics(): GateStatistics {
    return {
      accepted: this.#accepted,
      refused: { ...this.#reports.refused },
      parked: this.#parking.size,
      handshakes: this.#tls?.size ?? 0,
      inside: this.#inside,
    };
  }

  /**
   * Begins to listen. Idempotent. A cancelled call leaves nothing listening, unless another call
   * waits too; you may call it again.
   * @throws InvalidStateError when the gate is closed, or the host has no sockets; the system's
   * error when it cannot listen; CancelledError
   */
  start(options?: WaitOptions): Promise<void> {
    if (this.#closed) return Promise.reject(new InvalidStateError('Cannot start the gate: it is closed'));
    return this.#listening.start(options);
  }

  /** start() without a wait, where listening cannot fail. */
  startNow(): void {
    this.#listening.startNow();
  }

  /** Stops listening and drops every client that is not inside. Idempotent. */
  close(): void {
    if (this.#closed && !this.#isGentle) return;
    this.#isGentle = false;
    this.#stop();
    // Behind a balancer the handshakes are those of connections, which go on.
    if (!this.isBehindBalancer) this.#tls?.close();
    this.#maybeEnded();
  }

  /** As close(), except that TLS handshakes under way go on, until close(). Idempotent. */
  closeGently(): void {
    if (this.#closed) return;
    this.#isGentle = !this.isBehindBalancer;
    this.#stop();
    this.#maybeEnded();
  }

  #stop(): void {
    this.#closed = true;
    this.#listening.close();
    this.#parking.clear();
  }

  /**
   * Frees the place of a client and lets in the one that was parked first. Call it once for every
   * `onClient`, after the wire has closed.
   * @param client the connection that meet() received; without a balancer, any object
   */
  leave(client: object): void {
    this.#inside--;
    this.#admission.gone(client);
    this.#letNextIn();
    this.#maybeEnded();
  }

  /**
   * Behind a balancer: reads the PROXY header from a client's connection, sets its addresses, and
   * does the TLS handshake if there is TLS.
   * @returns true when the client may be served. False when it was refused, and the connection is
   * aborted, or when a balancer only checked whether the server is up
   * @throws CancelledError
   */
  meet(connection: Connection): Promise<boolean> {
    const { handshakeTimeout } = this.#options;
    return requireSystem('meet a client').balancer.meet(connection, {
      admission: this.#admission,
      reports: this.#reports,
      tls: this.#tls,
      handshakeTimeout,
    });
  }

  /**
   * Uses other certificates for all handshakes from now on.
   * @throws InvalidStateError without TLS; TypeError for unknown options, or without key and cert
   */
  setSecureContext(options: SecureContextOptions): void {
    if (this.#options.tls === undefined)
      throw new InvalidStateError('Cannot set the secure context: the server has no TLS');
    this.#tls ??= this.#makeTls();
    this.#tls?.setSecureContext(options);
  }

  #listen(): Promise<readonly Listener[]> {
    this.#tls ??= this.#makeTls();
    const listen = this.#listenOn ?? elsewhere ?? requireSystem('listen').listen;
    return listen(this.#options, {
      onWire: (wire) => this.#accept(wire),
      onError: (error) => this.#acceptFailed(error),
      // node:tls takes over sockets only as node:net makes them.
      raw: this.#tls === undefined || this.isBehindBalancer,
    });
  }

  #makeTls(): TlsAcceptor | undefined {
    const { tls, handshakeTimeout } = this.#options;
    return tls === undefined ? undefined : requireSystem('use TLS').tls.makeAcceptor(tls, handshakeTimeout);
  }

  #acceptFailed(error: Error): void {
    if (system?.descriptors.acceptFailed(error) === true) return;
    this.#reports.refuse({ code: 'accept', message: error.message, error, peer: undefined });
  }

  #accept(wire: Wire): void {
    if (this.#closed) {
      wire.destroy();
      return;
    }
    this.#accepted++;
    system?.descriptors.clientCame();
    const refusal = this.#admission.refuse(wire);
    if (refusal !== undefined) {
      wire.reset(); // a plain close would look like an answer
      // One that is gone already was denied nothing if there is no rule. Behind a balancer, it is
      // a health check.
      const isQuiet = refusal.code === 'noAddress' && (this.#admission.open || this.isBehindBalancer);
      return this.#reports.refuse(refusal, isQuiet);
    }
    if (!this.#isFull()) return this.#begin(wire);
    if (this.#parking.add(wire)) return;
    const { maxConnections, backlog = DEFAULT_BACKLOG } = this.#options;
    const message = `${maxConnections} are served and ${backlog} wait, which are maxConnections and backlog`;
    wire.reset();
    this.#reports.refuse({ code: 'backlog', message, peer: wire.addresses.peer });
  }

  #isFull(): boolean {
    // Behind a balancer, a client in its handshake is inside and counted there.
    const handshakes = this.isBehindBalancer ? 0 : (this.#tls?.size ?? 0);
    return this.#inside + handshakes >= (this.#options.maxConnections ?? Infinity);
  }

  #begin(wire: Wire): void {
    if (this.#tls === undefined || this.isBehindBalancer) this.#letIn(wire);
    else requireSystem('use TLS').tls.accept(this.#tls, wire, (outcome) => this.#shookHands(outcome, wire));
  }

  #shookHands(outcome: Wire | Error, { addresses }: Wire): void {
    if (outcome instanceof Error) {
      this.#reports.refuse({ code: 'handshake', message: outcome.message, error: outcome, peer: addresses.peer });
      this.#letNextIn();
    } else if (this.#closed && !this.#isGentle) outcome.destroy();
    else this.#letIn(outcome);
    if (!this.#isGentle || this.isShakingHands) return;
    this.#events.onLastHandshake?.();
    this.#maybeEnded();
  }

  #letIn(wire: Wire): void {
    this.#inside++;
    this.#events.onClient(wire);
  }

  #letNextIn(): void {
    while (!this.#isFull()) {
      const wire = this.#parking.next();
      if (wire === undefined) return;
      this.#begin(wire);
    }
  }

  /** Flushes the reports once no client can be refused any more. */
  #maybeEnded(): void {
    if (this.#closed && this.#inside === 0 && !this.isShakingHands) this.#reports.end();
  }
}
