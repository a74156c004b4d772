// Turns functions into calls: modules become proxies, closed functions become text.
import { describe, wrongValue } from '../base/index.ts';
import { captureSite } from '../core/index.ts';
import type { JobOptions, JobSpec, Offloaded } from './executor.ts';
import type { CallSite, JobCall } from './job.ts';
import type { JobTarget } from './protocol.ts';

/** Makes one call. */
type MakeCall = (call: JobCall, options: JobOptions, site: CallSite | undefined) => unknown;

/** A name under which a worker serves a module. No relative URL is one. */
const NAME = /^[\w$-]+$/;
/** The frames of the caller that an error of the job shows below those of the worker. */
const FRAMES = 4;

/**
 * Returns a proxy of a module whose functions make calls. With `byName`, its address can also be a
 * name.
 */
export function offload<M>(url: URL | string, byName: boolean, make: MakeCall): Offloaded<M> {
  const module = addressOf(url, byName);
  const known = new Map<string, unknown>();
  const functionOf = (name: string): unknown => {
    const target = targetOf(module, name);
    const withOptions = (options: JobOptions) => {
      const call = (...args: readonly unknown[]): unknown =>
        make({ target, args, label: options.name ?? target.label }, options, siteOf(call));
      return call;
    };
    return Object.assign(withOptions({}), { with: withOptions });
  };
  const get = (_target: object, name: string | symbol): unknown => {
    // A proxy that is awaited by mistake must not look like a promise.
    if (typeof name === 'symbol' || name === 'then') return undefined;
    if (!known.has(name)) known.set(name, functionOf(name));
    return known.get(name);
  };
  return new Proxy(Object.freeze({}), { get }) as Offloaded<M>; // M declares what the module exports
}

export function callOf({ module: url, name, args = [] }: JobSpec, byName: boolean): JobCall {
  const module = addressOf(url, byName);
  if (typeof name !== 'string') throw new TypeError(`Cannot submit: name must be text, got ${describe(name)}`);
  if (!Array.isArray(args)) throw new TypeError(`Cannot submit: args must be an array, got ${describe(args)}`);
  const target = targetOf(module, name);
  return { target, args: args as readonly unknown[], label: target.label };
}

/** Returns the text of a closed function: one that refers to nothing outside of itself. */
export function closedFunction(fn: unknown, args: readonly unknown[]): JobCall {
  if (typeof fn !== 'function') throw new TypeError(`Cannot run: expected a function, got ${describe(fn)}`);
  const source = Function.prototype.toString.call(fn);
  const label = fn.name === '' ? 'a function' : `the function ${fn.name}`;
  if (!isExpression(source)) {
    throw new TypeError(
      `Cannot run ${label}: it is no arrow function and no function expression, put it into a module`,
    );
  }
  return { target: { fn: 0, module: undefined, source, name: fn.name, label }, args, label };
}

function isExpression(source: string): boolean {
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- only parsed, and it is our own
    void new Function(`return (${source})`);
    return true;
  } catch (error) {
    // A SyntaxError: a method, or native code. Anything else: this page or program may not make
    // functions of text. Whether its workers may is for them to say.
    return !(error instanceof SyntaxError);
  }
}

/** Checks for the address of a module, or a name: of the option `init`. */
export function moduleAddress(action: string, name: string, value: unknown): void {
  if (value instanceof URL || (typeof value === 'string' && (URL.canParse(value) || NAME.test(value)))) return;
  const expected = "a URL, such as new URL('./start.js', import.meta.url)";
  throw wrongValue(action, name, expected, value, 'string');
}

function addressOf(url: unknown, byName: boolean): string {
  if (url instanceof URL) return url.href;
  if (typeof url !== 'string') throw new TypeError(`Cannot offload module: expected a URL, got ${describe(url)}`);
  if (URL.canParse(url) || (byName && NAME.test(url))) return url;
  throw new TypeError(
    `Cannot offload module: expected a URL, got ${describe(url)}; write new URL(${JSON.stringify(url)}, import.meta.url)`,
  );
}

function fileOf(module: string): string {
  return /([^/]+?)\/?$/.exec(module)?.[1] ?? module;
}

/** The functions of modules that were called, by address and name. */
const targets = new Map<string, JobTarget>();

function targetOf(module: string, name: string): JobTarget {
  const key = `${module}\n${name}`;
  let target = targets.get(key);
  if (target === undefined) {
    target = { fn: targets.size + 1, module, source: undefined, name, label: `${name} of ${fileOf(module)}` };
    targets.set(key, target);
  }
  return target;
}

function siteOf(below: (...args: never[]) => unknown): CallSite | undefined {
  return captureSite(below, FRAMES);
}

/** Returns the frames of a call site, without the first line. */
export function framesOf(site: CallSite | undefined): string | undefined {
  return site?.stack?.slice(site.stack.indexOf('\n') + 1);
}
