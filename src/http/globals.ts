// Replaces the global Request and Response while servers of fetch handlers are used: Response by one
// that can be sent without a stream, Request by one that can be made of a request of ours.
// @hono/node-server does the same. It is done once, by the first server that wants it.
import { AppRequest } from './app-request.ts';
import { AppResponse } from './app-response.ts';

let isDone = false;

export function overrideGlobals(): void {
  if (isDone) return;
  isDone = true;
  const { Request } = globalThis;
  const construct = (target: typeof Request, args: readonly unknown[], newTarget: Function): object => {
    const [input, ...rest] = args;
    return Reflect.construct(target, [AppRequest.nativeOf(input) ?? input, ...rest], newTarget) as object; // made by a class
  };
  const replace = (name: string, value: unknown): void =>
    void Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  replace('Request', new Proxy(Request, { construct }));
  replace('Response', AppResponse);
}
