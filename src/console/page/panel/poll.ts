// Asks the process again and again while a part of the page is shown.
import { useEffect } from 'preact/hooks';
import { type Signal, useSignal } from '@preact/signals';
import type { Method, Methods } from '../../../inspect/protocol/index.ts';
import type { App } from '../app.ts';
import type { Result } from '../transport.ts';

export interface Polled<M extends Method> {
  /** The last answer; null before the first one. */
  readonly answer: Signal<Result<M> | null>;
  /** Why the last request failed; empty if it did not. */
  readonly problem: Signal<string>;
}

/** The next request begins `every` milliseconds after the last answer. Nothing is asked while the page is held. */
export function usePoll<M extends Method>(app: App, method: M, params: Methods[M]['params'], every: number): Polled<M> {
  const answer = useSignal<Result<M> | null>(null);
  const problem = useSignal('');
  const key = JSON.stringify(params);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    const ask = async (): Promise<void> => {
      if (app.heldAt.value === 0 && !document.hidden) {
        try {
          // The key is the parameters: an effect compares by identity.
          const got = await app.transport.request(method, JSON.parse(key) as Methods[M]['params']);
          if (over) return;
          answer.value = got;
          problem.value = '';
        } catch (error) {
          if (!over) problem.value = error instanceof Error ? error.message : String(error);
        }
      }
      if (!over) timer = setTimeout(() => void ask(), every);
    };
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [app, method, key, every, answer, problem]);
  return { answer, problem };
}
