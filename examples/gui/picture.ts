// A canvas that is as sharp as the screen, and the colours of style.css for what is drawn on it.

/** A canvas in use: its size is in CSS pixels. */
export interface Picture {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
}

/** Returns a function that fits a canvas to its box and to the screen, for each frame. */
export function pictureOf(canvas: HTMLCanvasElement): () => Picture {
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('This browser draws no canvas');
  let [width, height] = [0, 0];
  const measure = (box: DOMRectReadOnly): void => {
    width = Math.floor(box.width);
    height = Math.floor(box.height);
  };
  measure(canvas.getBoundingClientRect());
  new ResizeObserver(([entry]) => entry && measure(entry.contentRect)).observe(canvas);
  return () => {
    const scale = devicePixelRatio;
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    return { context, width, height };
  };
}

const tones = new Map<string, string>();
let probe: HTMLElement | undefined;

/** The value of a custom property: a colour as the browser computes it, or a font. */
export function tone(name: string): string {
  const known = tones.get(name);
  if (known !== undefined) return known;
  probe ??= document.body.appendChild(document.createElement('i'));
  probe.hidden = true;
  probe.style.color = `var(--${name})`;
  const style = getComputedStyle(probe);
  const value = name === 'sans' || name === 'mono' ? style.getPropertyValue(`--${name}`) : style.color;
  tones.set(name, value);
  return value;
}

/** Call it when the theme has changed. */
export function forgetTones(): void {
  tones.clear();
}
