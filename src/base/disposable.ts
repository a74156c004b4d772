// The `using` symbols for hosts that lack them (Safari, older browsers), and the only way in this
// package to write an undo. Node >= 20.5, Bun and Deno have both symbols. There, the two
// assignments below change nothing.

const symbols = Symbol as { dispose?: symbol; asyncDispose?: symbol };
symbols.dispose ??= Symbol.for('Symbol.dispose');
symbols.asyncDispose ??= Symbol.for('Symbol.asyncDispose');

/**
 * Returns an undo as a `Disposable`. The first disposal calls `undo`, and later ones do nothing.
 *
 * @example
 * ```ts
 * import { disposable } from 'maitre/lowlevel';
 * const bells = new Set<string>();
 * function hang(bell: string): Disposable {
 *   bells.add(bell);
 *   return disposable(() => void bells.delete(bell));
 * }
 * hang('door')[Symbol.dispose]();
 * console.log(bells.size); // 0
 * ```
 */
export function disposable(undo: () => void): Disposable {
  let open = true;
  return {
    [Symbol.dispose](): void {
      if (!open) return;
      open = false;
      undo();
    },
  };
}
