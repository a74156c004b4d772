// The bundle: the programs of workers and the doors of the package, in a few files. Node takes most of
// a worker's start to resolve the imports between the files of dist/; from the bundle, a worker starts
// in half of the CPU time.
//
// - A worker that was started from the bundle has its parts of maitre there. So FILE must get them
//   from there too: `import 'maitre'` leads to dist/, where everything would be loaded again, as
//   another maitre that knows of no supervisor.
// - What the bundle looks for beside its files, it looks for in dist/ (scripts/build-bundle.mjs).
import { existsSync, readdirSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const DIST = new URL('../', import.meta.url);
const BUNDLE = new URL('bundle/', DIST);

/**
 * The address of the bundle. Undefined if there is none, and where the runtime cannot lead imports
 * there: before Node.js 22.15.
 */
export function findBundle(): string | undefined {
  const canLead = typeof (module as Partial<typeof module>).registerHooks === 'function';
  return canLead && existsSync(BUNDLE) ? BUNDLE.href : undefined;
}

/** The program of a worker in the bundle. Undefined without one: then it starts from its own file. */
export function programInBundle(name: string): URL | undefined {
  const bundle = findBundle();
  return bundle === undefined ? undefined : new URL(name, bundle);
}

/** Leads imports of the package, in this thread, to the bundle. */
export function importFromBundle(bundle: string): void {
  const doors = new Map(readdirSync(fileURLToPath(bundle)).map((name) => [DIST.href + name, bundle + name]));
  module.registerHooks({
    resolve: (specifier, context, next) => {
      const found = next(specifier, context);
      return { ...found, url: doors.get(found.url) ?? found.url };
    },
  });
}
