// The least that a supervisor does, for tests of leaves and of the deck: starts workers, lets in
// clients when they are ready, and remembers what they said.
import { Future } from 'maitre';
import { Deck, type LeafMaker, type ServeEvent, type WorkerLeaf } from '#src/workers/index.js';
import type { ShutdownReport } from 'maitre';
import type { WorkerFailure, WorkerPulse } from '#src/workers/protocol.js';

/** One worker, and what it has said. */
export interface Hand {
  readonly id: number;
  readonly leaf: WorkerLeaf;
  /** Resolves when it is ready; rejects when it fails or ends before. */
  readonly ready: Future<void>;
  readonly drained: Future<ShutdownReport>;
  /** Resolves when it said that it exits. */
  readonly ends: Future<void>;
  /** Resolves with how many clients ended with it, and why it ended. */
  readonly gone: Future<{ readonly clients: number; readonly error: Error | undefined }>;
  readonly events: ServeEvent[];
  readonly pulses: WorkerPulse[];
  readonly failures: WorkerFailure[];
}

export class Staff implements AsyncDisposable {
  /** What the gate has refused, by code. */
  readonly refused: string[] = [];
  readonly deck: Deck = new Deck({ onRefused: ({ code }) => void this.refused.push(code) });
  readonly #maker: LeafMaker;
  readonly hands: Hand[] = [];

  constructor(maker: LeafMaker) {
    this.#maker = maker;
  }

  /** The port of the only place. */
  get port(): number {
    const [address] = this.deck.addresses;
    if (address === undefined || !('port' in address)) throw new Error('no port is open');
    return address.port;
  }

  /** Starts `count` workers, and waits until they are ready. */
  async start(count = 1): Promise<Hand[]> {
    const hands = Array.from({ length: count }, () => this.begin());
    await Promise.all(hands.map((hand) => hand.ready));
    return hands;
  }

  /** Starts a worker. */
  begin(): Hand {
    const { deck } = this;
    const id = this.hands.length + 1;
    const leaf = this.#maker.make(
      id,
      {
        onListen: (request) => {
          deck.open(id, leaf, request).then(
            (addresses) => leaf.listening(request.key, addresses),
            (error: unknown) => leaf.refused(request.key, error as Error),
          );
        },
        onUnlisten: (key) => deck.unlisten(id, key),
        onReady: () => {
          deck.admit(id);
          hand.ready.setResult();
        },
        onFailed: (failure) => void hand.failures.push(failure),
        onTook: (client) => deck.took(client),
        onLeft: (client) => deck.left(client),
        onEvent: (event) => void hand.events.push(event),
        onPulse: (pulse) => void hand.pulses.push(pulse),
        onEnds: () => {
          hand.ends.setResult();
          deck.retire(id);
        },
        onMessage: () => undefined,
        onDrained: (report) => hand.drained.setResult(report),
        onGone: (error) => {
          const clients = deck.gone(id);
          if (!hand.ready.done())
            hand.ready.setException(new Error(hand.failures[0]?.message ?? String(error?.message)));
          hand.gone.setResult({ clients, error });
        },
      },
      id,
    );
    const hand: Hand = {
      id,
      leaf,
      ready: new Future(),
      drained: new Future(),
      ends: new Future(),
      gone: new Future(),
      events: [],
      pulses: [],
      failures: [],
    };
    hand.ready.then(undefined, () => undefined); // whoever waits for it gets the error; nobody has to
    this.hands.push(hand);
    return hand;
  }

  drain(hand: Hand, grace = 5000): void {
    this.deck.retire(hand.id);
    hand.leaf.drain({ grace, reason: 'shutdown' });
  }

  /** Kills all workers and waits for their end. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const hand of this.hands) hand.leaf.kill();
    await Promise.all(this.hands.map((hand) => hand.gone));
    this.deck.close();
  }
}
