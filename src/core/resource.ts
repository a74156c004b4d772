// Resources: what is waited for, held or served, as consoles and the end of run() see it. The live objects are the registry:
// they are linked into intrusive sets, and whoever wants to see them walks those; nothing is mirrored, nothing allocated.
//
// A resource is LIVE
// - from markOpened() to markClosed(), when it has an end: a server, a connection, an endpoint. Instruments are told of both.
// - while it is held (setHeld), when it has none: a lock, a semaphore.
// - while a task waits for it: that follows from the tasks' waits (setWaitedFor).
// - while it is reachable, when it has a name and no end: weakly, so that naming a lock does not leak it.
import { LinkedSet, type Linked } from '../base/index.ts';
import { host } from './host.ts';
import * as hooks from './instrument.ts';
import type { ResourceRecord } from './records.ts';

/** Options that every primitive takes. */
export interface ResourceOptions {
  /** Shown in messages and by tools. */
  readonly name?: string | undefined;
}

/** The last id of each kind. */
const lastIds = new Map<string, number>();
/** Those with an end, in the order of opening, and those that are held. */
const open = new LinkedSet<Resource>();
const held = new LinkedSet<Resource>();
const named = new Set<WeakRef<Resource>>();
/** What tasks wait for; set by the file that knows the tasks, which stands above this one. */
let waitedFor: () => Iterable<unknown> = () => [];

/** Says where to ask for what tasks wait for. */
export function setWaitedFor(source: () => Iterable<unknown>): void {
  waitedFor = source;
}

/**
 * Base class of everything that tasks wait for or that has an end. Subclasses say what kind it is and return figures.
 *
 * @example
 * ```ts
 * import { Lock } from 'maitre';
 * import { Resource } from 'maitre/lowlevel';
 * const lock = new Lock({ name: 'db' });
 * for (const resource of Resource.live) console.log(resource.kind, resource.name, resource.statistics());
 * ```
 */
export abstract class Resource implements ResourceRecord {
  // Written by LinkedSet alone.
  /** @internal */
  previous: Linked | undefined = undefined;
  /** @internal */
  next: Linked | undefined = undefined;
  /** @internal */
  list: object | undefined = undefined;
  #id = 0;
  /** Shown in messages and by tools; undefined without one. */
  readonly name: string | undefined;
  /** The run() in which it was opened: that ends it at its end. Undefined before, and outside of any run. @internal */
  program: object | undefined = undefined;

  constructor(options?: ResourceOptions) {
    const name = options?.name;
    this.name = name;
    if (name !== undefined && !this.hasEnd) named.add(new WeakRef(this));
  }

  /** What kind of thing it is: `lock`, `server`, `connection`. */
  abstract get kind(): string;

  /** Its figures now. */
  abstract statistics(): object;

  /** Whether it is opened and closed; a lock is not. */
  protected get hasEnd(): boolean {
    return false;
  }

  /** Unique in its thread among those of its kind, counting from 1: in the order of opening, or of being asked for it. */
  get id(): number {
    if (this.#id === 0) {
      this.#id = (lastIds.get(this.kind) ?? 0) + 1;
      lastIds.set(this.kind, this.#id);
    }
    return this.#id;
  }

  /** What it belongs to; undefined for nothing. */
  get parent(): Resource | undefined {
    return undefined;
  }

  /** The resources that are live now, each once. The iterable may be walked again. */
  static get live(): Iterable<Resource> {
    return { [Symbol.iterator]: walk };
  }

  /** It has an end, and begins to live. Undone by `markClosed`. */
  protected markOpened(): void {
    if (this.list !== undefined) return;
    void this.id; // counts
    this.program = (host.carrier.getStore() as { program?: object } | undefined)?.program; // see scope.ts
    open.add(this);
    hooks.opened?.(this);
  }

  /** It has ended. Idempotent. */
  protected markClosed(): void {
    if (open.delete(this)) hooks.closed?.(this);
  }

  /** Says whether somebody holds it now, for what has no end. */
  protected setHeld(isHeld: boolean): void {
    if (isHeld === (this.list !== undefined)) return;
    if (isHeld) held.add(this);
    else held.delete(this);
  }

  /** Its end has begun: the end of run() does not call it left open. @internal */
  get ending(): boolean {
    return false;
  }

  /** How the end of run() ends it, in about `grace` milliseconds. Absent for what has no end. @internal */
  endWithin?(grace: number): PromiseLike<unknown>;

  /** Ends it at once, when its time is over. @internal */
  endNow?(): void;

  /** `lock "db"`, or `lock` without a name: for messages. */
  get label(): string {
    return this.kind + (this.name === undefined ? '' : ` ${JSON.stringify(this.name)}`);
  }

  /** `<Lock "db" locked, 2 waiting>`, for logs. */
  toString(): string {
    const name = this.kind.replace(/(^| )./g, (start) => start.trim().toUpperCase());
    return `<${this.label.replace(this.kind, name)} ${this.describeState()}>`;
  }

  /** What `toString()` says behind the name: the figures of `statistics()`, unless a subclass knows better. */
  protected describeState(): string {
    return Object.entries(this.statistics())
      .flatMap(([name, value]) =>
        typeof value === 'object' ? [] : value === true ? name : `${value === false ? 'not' : value} ${name}`,
      )
      .join(', ');
  }
}

function* walk(): IterableIterator<Resource> {
  const given = new Set<Resource>();
  const weak = function* (): Iterable<unknown> {
    for (const reference of named) {
      const resource = reference.deref();
      if (resource === undefined) named.delete(reference);
      else yield resource;
    }
  };
  for (const source of [open, held, weak(), waitedFor()]) {
    for (const resource of source) {
      if (!(resource instanceof Resource) || given.has(resource)) continue;
      given.add(resource);
      yield resource;
    }
  }
}
