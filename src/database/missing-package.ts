import { isModuleMissing } from '../base/index.ts';

/** Returns the error for an optional package that is not installed; any other error as it is. */
export function missingPackage(error: unknown, door: string, name: string): unknown {
  if (!isModuleMissing(error, `'${name}'`)) return error;
  return new Error(
    `Cannot create pool: ${door} needs the package ${name}, which is not installed\n    npm install ${name}`,
    {
      cause: error,
    },
  );
}
