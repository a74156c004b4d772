// Where the guests stand in the one function.
import type { JSX } from 'preact';
import { Glyph } from '../icons.tsx';
import { KITCHEN, READ } from '../kinds.ts';
import type { Comparison, One } from './comparison.ts';

export function Code({ comparison, one }: { readonly comparison: Comparison; readonly one: One }): JSX.Element {
  void comparison.beat.value;
  const { standing, kitchen } = comparison.choice.value;
  const guests = comparison.scene(one)?.guests ?? [];
  const number = (...states: string[]): number => guests.filter((state) => states.includes(state)).length;
  const limited = one === 'stands' && standing === 'concurrency';
  const sync = one === 'stands' && standing === 'blocking';
  const call = sync ? '  const meal = kitchen.cookSync(order);' : '  const meal = await kitchen.cook(order);';
  return (
    <div class="code">
      <Line strong text={`startServer(serve${limited ? ', { concurrency: 1 }' : ''})`} />
      {limited ? (
        <Line quiet text="in line, no handler runs" count={number('in line')} sign="line" />
      ) : (
        <Line text="" />
      )}
      <Line text="async function serve(reader, writer) {" />
      <Line text="  const order = await reader.readLine();" count={number('orders', 'waits')} sign="read" />
      {kitchen < 1 ? <Line text="  chop(order);" count={sync ? 0 : number('works')} sign="work" /> : null}
      <Line text={call} count={number('cooks')} sign="cook" hot={sync && number('cooks') > 0} />
      <Line text="  writer.write(meal);" />
      <Line text="  await writer.drain();" />
      <Line text="}" />
      <Line quiet text="served" count={number('served')} sign="served" />
    </div>
  );
}

interface LineProps {
  readonly text: string;
  readonly count?: number;
  readonly sign?: 'line' | 'read' | 'work' | 'cook' | 'served';
  readonly strong?: boolean;
  readonly quiet?: boolean;
  readonly hot?: boolean;
}

function Line({
  text,
  count: number = 0,
  sign = 'line',
  strong = false,
  quiet = false,
  hot = false,
}: LineProps): JSX.Element {
  return (
    <div class={['ln', strong ? 'head' : '', quiet ? 'quiet' : '', hot ? 'hot' : ''].join(' ')}>
      <code>{text}</code>
      <span class="dots" aria-label={number === 0 ? undefined : String(number)}>
        {Array.from({ length: number }, (_, n) => (
          <SignOf key={n} sign={sign} />
        ))}
      </span>
    </div>
  );
}

function SignOf({ sign }: { readonly sign: NonNullable<LineProps['sign']> }): JSX.Element {
  if (sign === 'read') return <Glyph ball={READ} />;
  if (sign === 'cook') return <Glyph ball={KITCHEN} />;
  return (
    <svg class={`glyph s-${sign}`} viewBox="0 0 12 12" aria-hidden="true">
      {sign === 'served' ? (
        <path d="M1.5 6.4 4.6 9.4 10.6 2.4" fill="none" stroke="currentColor" stroke-width="1.8" />
      ) : sign === 'work' ? (
        <rect x="2" y="2" width="8" height="8" fill="currentColor" />
      ) : (
        <circle cx="6" cy="6" r="3.6" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2 1.6" />
      )}
    </svg>
  );
}
