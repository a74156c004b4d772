/**
 * Whether an error says that a module is not there, and mentions this text. What a package itself lacks is
 * another matter than the package: mention its name.
 */
export function isModuleMissing(error: unknown, mention: string): boolean {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  return (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') && String(message).includes(mention);
}
