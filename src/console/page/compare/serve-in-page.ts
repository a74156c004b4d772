// The library as this page has it. A file of its own, which is loaded when one opens side by side: it is half as large
// as all the rest of the page.
import { installWebHost } from '../../../hosts/web/index.ts';
import { type Choice, type Pair, serveBoth } from './dinner.ts';

/** Serves both dinners in this page. */
export function serveInPage(choice: Choice): Promise<Pair> {
  installWebHost();
  return serveBoth(choice);
}
