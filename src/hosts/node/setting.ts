// Settings from the environment, read without asking for permission.

/** The part of Deno that says what may be read. */
interface Permissions {
  querySync(what: { readonly name: 'env'; readonly variable: string }): { readonly state: string };
}

/** Returns an environment variable. Undefined if it is not set, and where it may not be read. */
export function setting(name: string): string | undefined {
  const { Deno } = globalThis as { Deno?: { readonly permissions?: Permissions } }; // on Deno alone
  // To read it without the permission would throw, or ask the user.
  if (Deno !== undefined && Deno.permissions?.querySync({ name: 'env', variable: name }).state !== 'granted')
    return undefined;
  return process.env[name];
}
