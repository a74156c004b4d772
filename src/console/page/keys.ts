// The keys of the page. What no key of all views takes goes to the open view.
import type { App } from './app.ts';
import { views } from './views.ts';

export function listenToKeys(app: App): void {
  document.addEventListener('keydown', (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const target = event.target instanceof HTMLElement ? event.target : null;
    if (target?.matches('input, textarea, select') === true) {
      if (event.key === 'Escape') target.blur();
      return;
    }
    // Space and Enter press the button that has the focus.
    if (target?.matches('button, summary, a') === true && (event.key === ' ' || event.key === 'Enter')) return;
    if (press(app, event)) event.preventDefault();
  });
}

function press(app: App, event: KeyboardEvent): boolean {
  const { key } = event;
  if (app.helpOpen.value) {
    if (key !== '?' && key !== 'Escape') return false;
    app.helpOpen.value = false;
    return true;
  }
  const view = views.find(({ id }) => id === app.view.value);
  if (view?.onKey?.(app, event) === true) return true;
  const tab = /^[1-9]$/.test(key) ? views[Number(key) - 1] : undefined;
  if (tab !== undefined) app.open(tab.id);
  else if (key === '?') app.helpOpen.value = true;
  else if (key === 't') app.toggleTheme();
  else if (key === 's') app.record();
  else if (key === 'c') {
    if (app.selected.value === 0) return false;
    void app.cancel(app.selected.value);
  } else if (key === 'Escape') {
    if (app.cancelling.value === 0) app.select(0);
    else app.cancelling.value = 0;
  } else if (key === '/') focusFilter(app);
  else return false;
  return true;
}

/** Goes to the filter of the open list, or of the connections. */
function focusFilter(app: App): void {
  const find = (): HTMLInputElement | null => document.querySelector<HTMLInputElement>('input.filter');
  if (find() === null) app.open('connections');
  requestAnimationFrame(() => find()?.focus());
}
