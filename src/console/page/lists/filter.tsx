// The field that a list is filtered with; one text for all lists, so that it stays when one goes from one to another.
import type { JSX } from 'preact';
import type { App } from '../app.ts';

export function Filter({ app, hint }: { readonly app: App; readonly hint: string }): JSX.Element {
  return (
    <input
      class="filter"
      type="search"
      placeholder={`Filter: ${hint}`}
      aria-label="Filter"
      value={app.filter.value}
      onInput={(event) => {
        app.filter.value = event.currentTarget.value;
      }}
    />
  );
}

/** Whether a text has every word of a filter, in any case. */
export function matches(text: string, filter: string): boolean {
  const lower = text.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}
