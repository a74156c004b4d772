// The card of one way to count: its buttons, its progress, and what came of the last run.
import { seconds } from './floor.ts';
import { LATE, type Measured } from './meter.ts';

/** What came of a run. */
export interface Outcome {
  readonly words: string;
  /** Milliseconds from the press of the button to the end. */
  readonly took: number;
  readonly measured: Measured;
}

export class Card {
  readonly #root: HTMLElement;
  readonly #start: HTMLButtonElement;
  readonly #cancel: HTMLButtonElement;

  /** @param hint what stands in the place of an outcome */
  constructor(id: string, hint: string, onStart: () => void, onCancel: () => void) {
    this.#root = elementById(id);
    const template = elementById('run') as HTMLTemplateElement; // index.html has one
    this.#find('.run').append(template.content.cloneNode(true));
    this.#start = this.#find('.start');
    this.#cancel = this.#find('.cancel');
    this.#start.addEventListener('click', onStart);
    this.#cancel.addEventListener('click', onCancel);
    this.#find('.outcome').dataset['hint'] = hint;
    this.#find('.track').setAttribute('aria-label', `Progress: ${this.#find('h2').innerText.trim()}`);
  }

  /** Shows that a run has begun here, or elsewhere, or that none is going on. */
  show(running: 'here' | 'elsewhere' | 'nowhere', mayCancel: boolean): void {
    const isFocused = this.#root.contains(document.activeElement);
    this.#start.disabled = running !== 'nowhere';
    this.#cancel.disabled = running !== 'here' || !mayCancel;
    this.#root.classList.toggle('on', running === 'here');
    if (running === 'here') {
      this.#find('.outcome').textContent = '';
      this.progress(0);
    }
    // A button that is disabled loses the focus. The other one takes it.
    if (isFocused && running !== 'elsewhere') (running === 'here' ? this.#cancel : this.#start).focus();
  }

  progress(part: number): void {
    const percent = Math.round(part * 100);
    this.#find('.track').setAttribute('aria-valuenow', String(percent));
    this.#find('.track i').style.width = `${part * 100}%`;
  }

  end({ words, took, measured }: Outcome): void {
    this.#find('.outcome').textContent = words;
    this.figures(took, measured);
  }

  /** @param took milliseconds since the press of the button */
  figures(took: number, { frames, longest }: Measured): void {
    this.#find('.time').textContent = seconds(took);
    this.#find('.gap').textContent = frames === 0 ? '–' : seconds(longest);
    this.#find('.gap').classList.toggle('late', longest > LATE);
    this.#find('.frames').textContent = String(frames);
  }

  #find<T extends HTMLElement>(selector: string): T {
    const found = this.#root.querySelector<T>(selector);
    if (found === null) throw new Error(`index.html has no ${selector} in #${this.#root.id}`);
    return found;
  }
}

export function elementById(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found;
}
