// What a view of the page is. `views.ts` lists them.
import type { JSX } from 'preact';
import type { App } from './app.ts';

export interface View {
  readonly id: string;
  readonly label: string;
  /** Pictures stand left of the line between the tabs, lists right of it. */
  readonly group: 'picture' | 'list';
  /** Whether the charts stand above it. */
  readonly strip: boolean;
  /** What stands in the side panel; false for no panel; undefined for the panel of the floor. */
  readonly panel?: ((props: { readonly app: App }) => JSX.Element) | false;
  /** The number on its tab. */
  number?(app: App): number | undefined;
  /** A key that nobody else took. Returns whether it was for this view. */
  onKey?(app: App, event: KeyboardEvent): boolean;
  readonly body: (props: { readonly app: App }) => JSX.Element;
}
