// The modules that a worker serves by name, beside those that it imports by their addresses.

/** Modules by name. */
export type ServedModules = Readonly<Record<string, object>>;

type Exports = Readonly<Record<string, unknown>>;

/** Returns the function that finds a module by its name, or imports it with `load` by its address. */
export function finderOf(
  modules: ServedModules,
  load: (url: string) => Promise<unknown>,
): (address: string) => Promise<Exports> {
  return async (address) => {
    if (Object.hasOwn(modules, address)) return modules[address] as Exports; // an own property
    if (URL.canParse(address)) return (await load(address)) as Exports; // a module namespace
    const names = Object.keys(modules).join(', ') || 'none';
    throw new TypeError(
      `Cannot load module ${JSON.stringify(address)}: the worker serves ${names}, write serveModules({ ${address} }) in its file`,
    );
  };
}
