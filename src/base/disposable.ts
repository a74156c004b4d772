// The `using` symbols for hosts that lack them (Safari, older browsers), and the one way to write an undo.
// Node >= 20.5, Bun and Deno have both symbols; there the two lines below do nothing.

const symbols = Symbol as { dispose?: symbol; asyncDispose?: symbol };
symbols.dispose ??= Symbol.for('Symbol.dispose');
symbols.asyncDispose ??= Symbol.for('Symbol.asyncDispose');

/** An undo as a `Disposable`: calls `undo` on the first disposal, nothing after that. */
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
