// One attempt of a request, over the `fetch` of the platform: from the place at its host to the end
// of its body.
//
// States:
//
//   SENT --response--> OPEN (its body, or a clone's, is not at its end) --> OVER
//     \---failure or abort-----------------------------------------------> OVER
//
// - The exchange holds its place until OVER. An abort of a SENT exchange is over when the platform
//   says so: until then it may be using the connection.
// - Every wait for it, for the response or for a part of the body, ends it when it is taken back.
//   That is what cancels a request together with its task.
// - The platform is handed the signal of a controller of the exchange's own, never one that lives
//   longer: Node keeps what it learns of a signal until that is collected (nodejs/undici#2198,
//   nodejs/node#52203). The signal of the caller has one listener, from the response to OVER.
// - A response that is collected before its body was read returns its place; the platform ends the
//   connection. Until then it must be collectable. In Node, the signal that a request was sent with
//   leads to its response. So what lives longer, the registry and the signal of the caller, must not
//   refer to an exchange, but to its Hold.
import {
  beginWait,
  ConnectionLostError,
  host,
  InvalidStateError,
  onAbort,
  Wait,
  type WaitOptions,
} from '../core/index.ts';
import { timed } from './fetch-deadline.ts';
import { networkError } from './fetch-error.ts';
import { type FetchResponse, guardResponse, type OpenExchange } from './fetch-response.ts';
import type { Place } from './http-host.ts';

/** What an exchange sends, and how. */
export interface Sending {
  readonly platform: (input: string | URL | Request, init: RequestInit) => Promise<Response>;
  readonly input: string | URL | Request;
  readonly init: RequestInit;
  readonly url: URL;
  /** `GET http://kitchen/menu`, for messages. */
  readonly name: string;
  /** Milliseconds that one read of the body may take; null for any. */
  readonly bodyTimeout: number | null;
  /** The options of every wait. */
  readonly wait: WaitOptions;
  /** True if code of the caller makes the body while it is sent. */
  readonly isStreamed: boolean;
  /** Called once for each wait for the body that a cancel or a deadline ended. */
  readonly onBodyCancelled: () => void;
}

/** The reason of every abort. One for all: each would record a stack. */
const ABORTED = new Error('The request was aborted');

/** What is to be returned at the end of an exchange. */
class Hold {
  readonly #place: Place;
  /** Removes the listener from the signal of the caller. */
  unlisten: (() => void) | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  /** @param isIdle true if the connection can be used again */
  end(isIdle: boolean): void {
    this.unlisten?.();
    // Node reuses a connection in the turn after the last byte. Who sends before opens another.
    if (isIdle) host.nextTurn(() => host.nextTurn(() => this.#place.release()));
    else this.#place.release();
  }
}

const collected = new FinalizationRegistry<Hold>((hold) => hold.end(false));

class ResponseWait extends Wait<FetchResponse> {
  readonly #exchange: ClientExchange;

  constructor(exchange: ClientExchange) {
    super('fetch', exchange.place.host, exchange.sending.wait);
    this.#exchange = exchange;
  }

  protected override withdraw(): void {
    this.#exchange.abort();
  }
}

class BodyWait<T> extends Wait<T> {
  readonly #exchange: ClientExchange;

  constructor(exchange: ClientExchange) {
    super('fetch.body', exchange.place.host, exchange.sending.wait);
    this.#exchange = exchange;
  }

  protected override withdraw(): void {
    const { sending } = this.#exchange;
    sending.onBodyCancelled();
    this.#exchange.abort();
  }
}

/** One attempt of a request. */
export class ClientExchange implements OpenExchange {
  readonly sending: Sending;
  readonly place: Place;
  readonly #controller = new AbortController();
  /** The bodies that are not at their end. */
  #open = 0;
  #isOver = false;
  readonly #hold: Hold;

  constructor(sending: Sending, place: Place) {
    this.sending = sending;
    this.place = place;
    this.#hold = new Hold(place);
  }

  /** Sends the request and waits for the response. Cancellable. */
  send(): Promise<FetchResponse> {
    const wait = new ResponseWait(this);
    const fail = (error: unknown): void => {
      this.#end();
      wait.fail(this.#errorFor(`fetch ${this.sending.name}`, error));
    };
    this.#begin().then((response) => {
      const guarded = this.#opened(response);
      // Cancelled meanwhile: nobody will receive it.
      if (!wait.answer(guarded)) this.abort();
    }, fail);
    return wait.promise;
  }

  get name(): string {
    return this.sending.name;
  }

  abort(): void {
    if (this.#isOver) return;
    this.#controller.abort(ABORTED);
    if (this.place.isAnswered) this.#end();
  }

  opened(): void {
    this.#open++;
  }

  closed(): void {
    if (--this.#open === 0) this.#end(true);
  }

  read<T>(part: () => Promise<T>): Promise<T> {
    const { bodyTimeout, name } = this.sending;
    const late = (ms: number): string => `Timed out: the body of ${name} did not come within ${ms} ms`;
    return timed(bodyTimeout, () => this.#wait(part), late);
  }

  #wait<T>(part: () => Promise<T>): Promise<T> {
    const { name } = this.sending;
    const refused = beginWait(this.sending.wait);
    if (refused !== undefined) return refused;
    const wait = new BodyWait<T>(this);
    part().then(
      (value) => wait.answer(value),
      (error: unknown) => {
        this.#end();
        wait.fail(this.#errorFor(`read the body of ${name}`, error));
      },
    );
    return wait.promise;
  }

  /** Calls the platform. Never throws. */
  #begin(): Promise<Response> {
    const { platform, input, init, isStreamed } = this.sending;
    const call = async (): Promise<Response> => platform(input, { ...init, signal: this.#controller.signal });
    // Outside of the task: sockets of the platform outlive it, and would keep it in their context.
    // The code that makes a streamed body belongs to the task.
    return isStreamed ? call() : host.carrier.run(undefined, call, undefined);
  }

  #opened(response: Response): FetchResponse {
    const { signal } = this.sending.wait;
    this.place.isAnswered = true;
    this.opened();
    const guarded = guardResponse(response, this);
    if (this.#isOver) return guarded;
    collected.register(guarded, this.#hold, this.#hold);
    if (signal !== undefined) {
      const self = new WeakRef(this);
      this.#hold.unlisten = onAbort(signal, () => self.deref()?.abort());
    }
    return guarded;
  }

  #end(isIdle = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    collected.unregister(this.#hold);
    this.#hold.end(isIdle);
  }

  #errorFor(action: string, error: unknown): Error {
    if (error === ABORTED) return new InvalidStateError(`Cannot ${action}: the request was cancelled`);
    if (error instanceof ConnectionLostError) return error; // of a body that read on this one
    if (!this.place.isAnswered && isWrongCall(this.sending, error)) return error as Error; // it is a TypeError
    return networkError(action, this.sending.url, error);
  }
}

/**
 * Whether the platform refused the arguments, which it does with a TypeError too. Making a Request of
 * them fails then.
 */
function isWrongCall({ url, input, init }: Sending, error: unknown): boolean {
  if (!(error instanceof TypeError)) return false;
  // The body may have been used, and the signal is our own.
  const body = init.body === undefined || init.body === null ? null : '';
  try {
    void new Request(input instanceof Request ? url : input, { ...init, body, signal: null });
    return false;
  } catch {
    return true;
  }
}
