// A button that shows a sign and no words.
import type { JSX } from 'preact';
import { Sign, type SignName } from './icons.tsx';

interface SignButtonProps {
  readonly sign: SignName;
  /** What it does, and its key: for those who point at it, and for those who cannot see it. */
  readonly label: string;
  readonly testId?: string;
  readonly onClick: () => void;
}

export function SignButton({ sign, label, testId, onClick }: SignButtonProps): JSX.Element {
  return (
    <button class="icon" type="button" aria-label={label} title={label} data-testid={testId} onClick={onClick}>
      <Sign name={sign} />
    </button>
  );
}

/** The button for light or dark, wherever it stands. */
export function ThemeButton({ onClick }: { readonly onClick: () => void }): JSX.Element {
  return <SignButton sign="theme" label="Light or dark (t)" onClick={onClick} />;
}
