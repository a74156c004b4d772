// Resources: what tasks wait for, hold or serve, as consoles and the end of run() see it. The live
// objects are the registry: they are linked into intrusive sets, and a console walks those. Nothing
// is copied, and nothing is allocated.
//
// A resource is LIVE
// - from `markOpened()` to `markClosed()`, if it has an end: a server, a connection, an endpoint.
//   Instruments are called for both.
// - while it is held (`setHeld`), if it has no end: a lock, a semaphore.
// - while a task waits for it, which follows from the waits of the tasks (`setWaitedFor`).
// - while it is reachable, if it has a name and no end. The reference is weak, so naming a lock
//   does not leak it.
//
// `list` is `open` or `held` while one of these two holds the resource, and undefined otherwise.
import { type Check, LinkedSet, type Linked, ofType } from '../base/index.ts';
import { host } from './host.ts';
import * as hooks from './instrument.ts';
import type { Holder, ResourceRecord, TaskRecord } from './records.ts';

/** Options that every primitive takes. */
export interface ResourceOptions {
  /** The name in messages and tools. */
  readonly name?: string | undefined;
}

const checkName: Check = /* @__PURE__ */ ofType('string', 'text', () => true);

/** The last id of each kind. */
const lastIds = new Map<string, number>();
/** Those with an end, in the order of opening; and those that are held. */
const open = new LinkedSet<Resource>();
const held = new LinkedSet<Resource>();
/** Those with a name and no end. */
const named = new Set<WeakRef<Resource>>();
/**
 * Returns what tasks wait for. task.ts sets it: it knows the tasks, and this file must not import
 * it.
 */
let waitedFor: () => Iterable<unknown> = () => [];

/**
 * Returns the first of the live resources that have an end, in the order of opening. `next` leads to
 * the others, as long as none is opened or closed.
 */
export function firstOpenResource(): Resource | undefined {
  return open.first;
}

/** Sets the source of what tasks wait for. */
export function setWaitedFor(source: () => Iterable<unknown>): void {
  waitedFor = source;
}

/**
 * The base class of everything that tasks wait for, or that has an end. A subclass defines its
 * `kind` and its `statistics()`. Then consoles, snapshots and the end of `run()` see it.
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
  // Only LinkedSet writes these.
  /** @internal */
  previous: Linked | undefined = undefined;
  /** @internal */
  next: Linked | undefined = undefined;
  /** @internal */
  list: object | undefined = undefined;
  #id = 0;
  /** The name in messages and tools; undefined without one. */
  readonly name: string | undefined;
  /**
   * The run() in which it was opened, and whose end ends it. Undefined before it is opened, and
   * outside of any run. @internal
   */
  program: object | undefined = undefined;

  constructor(options?: ResourceOptions) {
    this.name = options?.name;
    if (this.name === undefined) return;
    checkName(`create ${(this as ResourceRecord).kind}`, 'name', this.name); // a getter of the class, which TypeScript forbids here
    if (!this.hasEnd) named.add(new WeakRef(this));
  }

  /** The kind of resource: `lock`, `server`, `connection`. */
  abstract get kind(): string;

  /** Returns its current figures. */
  abstract statistics(): object;

  /** Whether it is opened and closed. A lock is not. */
  protected get hasEnd(): boolean {
    return false;
  }

  /**
   * Unique in its thread among those of its kind, counting from 1, in the order of opening. A
   * resource without an end receives its id when it is first read.
   */
  get id(): number {
    if (this.#id !== 0) return this.#id;
    this.#id = (lastIds.get(this.kind) ?? 0) + 1;
    lastIds.set(this.kind, this.#id);
    return this.#id;
  }

  /** The resource to which it belongs; undefined for none. */
  get parent(): Resource | undefined {
    return undefined;
  }

  /** The task that works for it, or for which it works; undefined for none. */
  get task(): TaskRecord | undefined {
    return undefined;
  }

  /** Returns who holds it, in the order of taking. Absent for what nobody holds. */
  holders?(): Iterable<Holder>;

  /** The resources that are live now, each once. You can iterate over it several times. */
  static get live(): Iterable<Resource> {
    return { [Symbol.iterator]: walk };
  }

  /** Call this when a resource that has an end is open. Undone by `markClosed`. */
  protected markOpened(): void {
    if (this.list !== undefined) return;
    void this.id; // assigns the id
    this.program = (host.carrier.getStore() as { program?: object } | undefined)?.program; // see scope.ts
    open.add(this);
    hooks.opened?.(this);
  }

  /** Call this when it has ended. Idempotent. */
  protected markClosed(): void {
    if (open.delete(this)) hooks.closed?.(this);
  }

  /** Call this when a job begins to run, in a worker of its executor, counted from 0. */
  protected markStarted(worker: number): void {
    hooks.jobStarted?.(this, worker);
  }

  /** Call this when a resource without an end becomes held or free. */
  protected setHeld(isHeld: boolean): void {
    if (isHeld === (this.list !== undefined)) return;
    if (isHeld) held.add(this);
    else held.delete(this);
  }

  /** True once its end has begun: the end of run() does not report it as left open. @internal */
  get ending(): boolean {
    return false;
  }

  /**
   * Ends it in about `grace` milliseconds, at the end of run(). Absent for what has no end.
   * @internal
   */
  endWithin?(grace: number): PromiseLike<unknown>;

  /** Ends it at once, when its grace is over. @internal */
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

  /**
   * What `toString()` returns after the name: the figures of `statistics()`, unless a subclass
   * overrides it.
   */
  protected describeState(): string {
    return Object.entries(this.statistics())
      .flatMap(([name, value]) =>
        typeof value === 'object' ? [] : value === true ? name : `${value === false ? 'not' : value} ${name}`,
      )
      .join(', ');
  }
}

/** The live resources without an end: those that are held, and those with a name. Some twice. */
export function* resourcesWithoutEnd(): Iterable<Resource> {
  yield* held;
  for (const reference of named) {
    const resource = reference.deref();
    if (resource === undefined) named.delete(reference);
    else yield resource;
  }
}

function* walk(): IterableIterator<Resource> {
  const given = new Set<Resource>();
  for (const source of [open, resourcesWithoutEnd(), waitedFor()]) {
    for (const resource of source) {
      if (!(resource instanceof Resource) || given.has(resource)) continue;
      given.add(resource);
      yield resource;
    }
  }
}
