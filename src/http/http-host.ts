// The places at one host: how many requests of a client may be out to it at once. Prior art:
// CapacityLimiter, from which it differs in that one task can hold several places, and that each
// request brings the limit it wants to hold.
//
// A place is taken from the moment it is granted, before its task has resumed, until the request is
// over: its body was read, given up or collected, or it never began. So as many connections at most
// are busy. Those that wait stand in a line, first come, first served: the first in line waits until
// fewer than its limit are taken, and nobody overtakes it.
import {
  beginWait,
  type Holder,
  Line,
  loopTime,
  mayAnswer,
  QueuedWait,
  Resource,
  type TaskRecord,
  type WaitOptions,
  waiterOf,
} from '../core/index.ts';

/** The figures of one host. */
export interface HttpHostStatistics {
  /** `http://kitchen:8080`. */
  readonly origin: string;
  /** The requests that hold a place: sent, and their body not read to its end. */
  readonly inFlight: number;
  /** How many of them have their response: what is missing is that somebody reads the body. */
  readonly answered: number;
  /** The requests that wait for a place. */
  readonly waiting: number;
}

/** A place at a host. */
export class Place implements Holder {
  readonly host: HttpHost;
  /** Weak: the result of the task can be the response, which is to be collected when it is dropped. */
  readonly #task: WeakRef<TaskRecord> | undefined;
  readonly since: number = loopTime();
  /** Whether the response is there, so that the place is held for its body alone. */
  isAnswered = false;

  constructor(host: HttpHost, task: TaskRecord | undefined) {
    this.host = host;
    this.#task = task === undefined ? undefined : new WeakRef(task);
  }

  get task(): TaskRecord | undefined {
    return this.#task?.deref();
  }

  /** Returns the place. Idempotent. */
  release(): void {
    giveBack(this.host, this);
  }
}

class PlaceWait extends QueuedWait<Place> {
  readonly limit: number;

  constructor(host: HttpHost, limit: number, options: WaitOptions) {
    super('fetch.acquire', host, options); // views name the holders of what is waited for in `.acquire`
    this.limit = limit;
  }

  protected override withdraw(answered: boolean, place: Place): void {
    if (answered) place.release();
    else {
      super.withdraw(answered, place);
      leave(this.resource as HttpHost); // it was constructed with one
    }
  }
}

let giveBack: (host: HttpHost, place: Place) => void; // both set by the static block of the class
let leave: (host: HttpHost) => void;

/** A host, as a client sees it while it has something to do with it. */
export class HttpHost extends Resource {
  readonly #client: Resource;
  readonly #places = new Set<Place>();
  /** The waiters, in the order of their calls. */
  readonly #line = new Line<Place, PlaceWait>();
  /** Called each time nobody holds a place or waits for one. */
  readonly #onIdle: (host: HttpHost) => void;

  static {
    giveBack = (host, place): void => {
      if (!host.#places.delete(place)) return;
      host.#grant();
    };
    leave = (host): void => host.#grant(); // the next one may want to hold a higher limit
  }

  constructor(origin: string, client: Resource, onIdle: (host: HttpHost) => void) {
    super({ name: origin });
    this.#client = client;
    this.#onIdle = onIdle;
  }

  get kind(): 'http host' {
    return 'http host';
  }

  override get parent(): Resource {
    return this.#client;
  }

  /** It is live while a place is taken or wanted. A name alone would keep every host in a list. */
  protected override get hasEnd(): boolean {
    return true;
  }

  /** Waits for a place while `limit` or more are taken. */
  acquire(limit: number, options: WaitOptions): Promise<Place> {
    const refused = beginWait(options);
    if (refused !== undefined) {
      this.#grant(); // nobody may have anything to do with it
      return refused;
    }
    if (this.#places.size >= limit || this.#line.size > 0) return this.#line.join(new PlaceWait(this, limit, options));
    const place = this.#take(waiterOf(options));
    if (mayAnswer(options)) return Promise.resolve(place);
    const wait = new PlaceWait(this, limit, options);
    wait.answer(place);
    return wait.promise;
  }

  statistics(): HttpHostStatistics {
    const { answered } = this;
    return { origin: this.name ?? '', inFlight: this.#places.size, answered, waiting: this.#line.size };
  }

  /** The number of places that are held for a body alone. */
  get answered(): number {
    let answered = 0;
    for (const { isAnswered } of this.#places) if (isAnswered) answered++;
    return answered;
  }

  override holders(): Iterable<Holder> {
    return this.#places;
  }

  #take(task: TaskRecord | undefined): Place {
    const place = new Place(this, task);
    this.#places.add(place);
    this.setHeld(true);
    return place;
  }

  /** Grants places from the front of the line while there are any. */
  #grant(): void {
    for (
      let first = this.#line.first;
      first !== undefined && this.#places.size < first.limit;
      first = this.#line.first
    ) {
      this.#line.shift();
      first.answer(this.#take(first.task));
    }
    if (this.#places.size > 0) return;
    this.setHeld(false);
    if (this.#line.size === 0) this.#onIdle(this);
  }
}
