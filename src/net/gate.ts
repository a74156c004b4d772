// The gate of a server: everything from its listening sockets to a client that may be served. It knows neither handlers nor
// tasks, so it can be used without a server: by a protocol with connections of its own, or by a supervisor that hands clients on.
//
// States of the gate: CREATED -(start)-> OPEN -(close)-> CLOSED. A failed or cancelled start goes back (listening.ts).
//
// States of a client: ACCEPTED -> refused (reset and reported), or PARKED while maxConnections are inside (parking.ts) -> in its TLS
// HANDSHAKE, if there is TLS -> INSIDE: `onClient` gets its wire -(leave)-> gone from here.
//
// - A client takes one of the maxConnections places from its handshake, or from `onClient` on, until leave().
// - After close() nobody comes in: who is parked or in a handshake is dropped. Clients that are inside are their user's.
// - Nothing a client does reaches the loop or stops the accepting: what fails with one is a refusal of that one.
//
// The PROXY header is the exception to "a client is inside when it may be served". It comes in the client's own bytes, before TLS, so
// somebody must read it, within limits of time and memory, and must be able to end it with a shutdown. A connection has all of
// that. So behind a balancer `onClient` gets the wire at once, its user makes a connection of it, and meet() reads the header from
// the connection's reader, shakes hands in place, and says whether it may be served. The rejected option, a gate that gives
// connections that were met, would need a second reader and a second set of limits, and would have to push back what the
// first one has read too much.
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { InvalidStateError, type WaitOptions } from '../core/index.ts';
import type { Address, Addresses } from './address.ts';
import { Admission, type AdmissionOptions } from './admission.ts';
import { meet } from './behind-balancer.ts';
import type { Connection } from './connection.ts';
import { descriptorWatch, isOutOfDescriptors } from './descriptor-watch.ts';
import { DEFAULT_BACKLOG, listen, type Listen, type Listener, type ListenerOptions } from './listener.ts';
import { Listening } from './listening.ts';
import { NetWire } from './net-wire.ts';
import { Parking } from './parking.ts';
import type { RefusalCode } from './refusal.ts';
import { type RefusalReportOptions, RefusalReports } from './refusal-reports.ts';
import { HANDSHAKE_TIMEOUT, TlsAcceptor } from './secure.ts';
import type { ServerOptions } from './server-options.ts';
import { checkSecureContext } from './tls-options.ts';
import type { Wire } from './wire.ts';

/** The options of startServer that are about who comes in. They were checked. */
export interface GateOptions
  extends
    ListenerOptions,
    AdmissionOptions,
    RefusalReportOptions,
    Pick<ServerOptions, 'maxConnections' | 'tls' | 'handshakeTimeout' | 'proxyProtocol'> {}

/** What a gate tells its user. */
export interface GateEvents {
  /** A client is inside. Its wire reads nothing before listen(). Call leave() when it is done with. */
  onClient(wire: Wire): void;
  /** It listens now, or no more. */
  onListening?(isUp: boolean): void;
}

/** What `gate.statistics()` returns. */
export interface GateStatistics {
  /** Clients that the system handed over, those that were refused included. */
  readonly accepted: number;
  /** Clients that were not let in, by reason: the codes of `onRefused`. */
  readonly refused: Readonly<Record<RefusalCode, number>>;
  /** Clients that wait for a place among `maxConnections`. */
  readonly parked: number;
  /** TLS handshakes under way. */
  readonly handshakes: number;
  /** Clients that came in and have not left. */
  readonly inside: number;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #events: GateEvents;
  readonly #listenOn: Listen;
  readonly #listening: Listening;
  readonly #admission: Admission;
  /** Wires that wait for a place. */
  readonly #parking: Parking;
  readonly #reports: RefusalReports;
  /** The server's side of handshakes, from start() on; undefined without TLS. */
  #tls: TlsAcceptor | undefined = undefined;
  #closed = false;
  #accepted = 0;
  #inside = 0;

  /**
   * @param server whom reports name
   * @param listenOn where clients come from: by default, the system
   */
  constructor(options: GateOptions, events: GateEvents, server?: object, listenOn: Listen = listen) {
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

  /** Where it listens; empty before it listens and after close. */
  get addresses(): Address[] {
    return this.#listening.addresses;
  }

  /** True while it listens. */
  get isUp(): boolean {
    return this.#listening.isUp;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Clients begin with the header of a balancer: their connections have to be met. */
  get isBehindBalancer(): boolean {
    return this.#options.proxyProtocol === true;
  }

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
   * Begins to listen. Idempotent. Cancelled, it listens on nothing, unless another call wants it to, and may be called again.
   * @throws InvalidStateError when it is closed; the system's error when it cannot listen; CancelledError
   */
  start(options?: WaitOptions): Promise<void> {
    if (this.#closed) return Promise.reject(new InvalidStateError('Cannot start the gate: it is closed'));
    return this.#listening.start(options);
  }

  /** The same without a wait, where listening cannot fail. */
  startNow(): void {
    this.#listening.startNow();
  }

  /** Stops listening, and drops who is not inside. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listening.close();
    if (!this.isBehindBalancer) this.#tls?.close(); // behind one, connections shake hands, and those go on
    this.#parking.clear(); // never let in, so nothing was promised
    this.#maybeEnded();
  }

  /**
   * A client is done with: its place goes to the longest parked. To be called once for every `onClient`, after the end of its
   * wire.
   * @param client what meet() was called with; behind no balancer, anything
   */
  leave(client: object): void {
    this.#inside--;
    this.#admission.gone(client);
    this.#letNextIn();
    this.#maybeEnded();
  }

  /**
   * Behind a balancer: reads the header from a client's connection, notes who is there, and shakes hands if there is TLS.
   * @returns whether it may be served. False when it was refused, which aborts it, or when a balancer has only looked whether we
   * are here.
   * @throws CancelledError
   */
  meet(connection: Connection): Promise<boolean> {
    const { handshakeTimeout = HANDSHAKE_TIMEOUT } = this.#options;
    return meet(connection, {
      admission: this.#admission,
      reports: this.#reports,
      tls: this.#tls,
      handshakeTimeout,
    });
  }

  /**
   * Uses other certificates for handshakes from now on.
   * @throws InvalidStateError without TLS; TypeError for unknown options, or without key and cert
   */
  setSecureContext(options: SecureContextOptions): void {
    if (this.#options.tls === undefined)
      throw new InvalidStateError('Cannot set the secure context: the server has no TLS');
    checkSecureContext(options);
    this.#tls ??= this.#makeTls();
    this.#tls?.setSecureContext(options);
  }

  #listen(): Promise<readonly Listener[]> {
    this.#tls ??= this.#makeTls();
    return this.#listenOn(this.#options, {
      onWire: (wire) => this.#accept(wire),
      onError: (error) => this.#acceptFailed(error),
      // A tls.Server wants sockets as net makes them from the start.
      raw: this.#tls === undefined || this.isBehindBalancer,
    });
  }

  #makeTls(): TlsAcceptor | undefined {
    const { tls, handshakeTimeout } = this.#options;
    return tls === undefined ? undefined : new TlsAcceptor(tls, handshakeTimeout);
  }

  // Errors of accepting never stop it.
  #acceptFailed(error: NodeJS.ErrnoException): void {
    if (isOutOfDescriptors(error)) descriptorWatch.ranOut(error);
    else this.#reports.refuse({ code: 'accept', message: error.message, error, peer: undefined });
  }

  #accept(wire: Wire): void {
    if (this.#closed) {
      wire.destroy();
      return;
    }
    this.#accepted++;
    descriptorWatch.clientCame();
    const refusal = this.#admission.refuse(wire);
    if (refusal !== undefined) {
      wire.reset(); // an end would look like an answer
      // One that has reset already was denied nothing without a rule, and behind a balancer it is a health check.
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
    const handshakes = this.isBehindBalancer ? 0 : (this.#tls?.size ?? 0); // behind one, who shakes hands is inside
    return this.#inside + handshakes >= (this.#options.maxConnections ?? Infinity);
  }

  #begin(wire: Wire): void {
    if (this.#tls === undefined || this.isBehindBalancer) this.#letIn(wire);
    else this.#tls.accept(wire.release(), (outcome) => this.#shookHands(outcome, wire.addresses));
  }

  #shookHands(outcome: TLSSocket | Error, addresses: Addresses): void {
    if (outcome instanceof Error) {
      this.#reports.refuse({ code: 'handshake', message: outcome.message, error: outcome, peer: addresses.peer });
      this.#letNextIn();
    } else if (this.#closed) outcome.destroy();
    else this.#letIn(new NetWire(outcome, addresses));
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

  /** Nobody can be refused any more: what was counted is told now. */
  #maybeEnded(): void {
    if (this.#closed && this.#inside === 0) this.#reports.end();
  }
}
