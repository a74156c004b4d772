// A list of any length with columns: only the rows that are seen are in the document.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { HeldOrder } from './held-order.ts';
import { rowWindow } from './window.ts';

const ROW = 30;

export interface Column<Row> {
  readonly id: string;
  readonly label: string;
  /** A track of the grid: `72px`, `minmax(146px, 1.1fr)`. */
  readonly width: string;
  /** The track where the list is narrow; none hides the column. */
  readonly narrow?: string;
  readonly right?: boolean;
  /** What the list is sorted by; undefined for a column that cannot be. */
  readonly value?: (row: Row) => number | string;
  readonly cell: (row: Row) => JSX.Element | string;
  /** A class for its cells. */
  readonly class?: string;
}

export interface Sorting {
  readonly column: string;
  readonly down: boolean;
}

interface Props<Row> {
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string | number;
  readonly selected?: string | number;
  readonly onChoose?: ((row: Row) => void) | undefined;
  /** How it is sorted at first; none keeps the order of the rows. */
  readonly sorting?: Sorting;
  /** The rows that are shown, in their order: for keys that go from one to the next. */
  readonly onOrder?: (keys: () => readonly (string | number)[]) => void;
  readonly empty: string;
  /** Whether a row is open; undefined for a row that does not open. */
  readonly expanded?: (row: Row) => boolean | undefined;
}

/** Narrower than this, columns give way. */
const NARROW = 800;

export function List<Row>(props: Props<Row>): JSX.Element {
  const { rows, columns, keyOf, onOrder } = props;
  const body = useRef<HTMLDivElement>(null);
  const order = useMemo(() => new HeldOrder<Row>(), []);
  const sorting = useSignal<Sorting | null>(props.sorting ?? null);
  const pointed = useSignal(false);
  const scroll = useSignal(0);
  const size = useSignal({ width: 1000, height: 600 });
  useLayoutEffect(() => {
    const element = body.current;
    if (element === null) return undefined;
    const follow = new ResizeObserver(() => {
      size.value = { width: element.clientWidth, height: element.clientHeight };
    });
    follow.observe(element);
    return () => follow.disconnect();
  }, [size]);
  const sorted = sort(rows, columns, sorting.value);
  const arranged = order.arrange(sorted, keyOf, pointed.value && sorting.value !== null);
  onOrder?.(() => arranged.map(keyOf));
  const narrow = size.value.width < NARROW;
  const shown = narrow ? columns.filter((column) => column.narrow !== 'none') : columns;
  const template = shown.map(({ width, narrow: other }) => (narrow ? (other ?? width) : width)).join(' ');
  const { from, to } = rowWindow(arranged.length, scroll.value, size.value.height, ROW);
  const sortBy = (column: string): void => {
    const now = sorting.value;
    sorting.value = { column, down: now?.column === column ? !now.down : true };
    pointed.value = false; // one asked for the new order
  };
  return (
    <>
      <div class="thead" style={{ gridTemplateColumns: template }}>
        {shown.map((column) => (
          <Heading key={column.id} column={column} sorting={sorting.value} onSort={sortBy} />
        ))}
      </div>
      <div
        class="tbody"
        ref={body}
        tabIndex={0}
        onScroll={(event) => {
          scroll.value = event.currentTarget.scrollTop;
        }}
        onPointerEnter={() => {
          pointed.value = true;
        }}
        onPointerLeave={() => {
          pointed.value = false;
        }}
      >
        {arranged.length === 0 ? <div class="nothing">{props.empty}</div> : null}
        <div class="all" style={{ height: `${arranged.length * ROW}px` }}>
          <div class="seen" style={{ transform: `translateY(${from * ROW}px)` }}>
            {arranged.slice(from, to).map((row) => (
              <Row key={keyOf(row)} row={row} columns={shown} template={template} list={props} />
            ))}
          </div>
        </div>
      </div>
    </>
  );
}

function Heading<Row>({
  column: { id, label, right, value },
  sorting,
  onSort,
}: {
  readonly column: Column<Row>;
  readonly sorting: Sorting | null;
  readonly onSort: (column: string) => void;
}): JSX.Element {
  const side = right === true ? 'r' : '';
  if (value === undefined) return <span class={side}>{label}</span>;
  const own = sorting?.column === id ? sorting : null;
  return (
    <button
      type="button"
      class={side}
      aria-sort={own === null ? 'none' : own.down ? 'descending' : 'ascending'}
      onClick={() => onSort(id)}
    >
      {label}
      {own === null ? '' : own.down ? ' ↓' : ' ↑'}
    </button>
  );
}

function Row<Row>({
  row,
  columns,
  template,
  list: { keyOf, selected, onChoose, expanded },
}: {
  readonly row: Row;
  readonly columns: readonly Column<Row>[];
  readonly template: string;
  readonly list: Props<Row>;
}): JSX.Element {
  const cells = columns.map(({ id, right, class: name = '', cell }) => (
    <span key={id} class={`${right === true ? 'r' : ''} ${name}`}>
      {cell(row)}
    </span>
  ));
  const style = { gridTemplateColumns: template };
  const chosen = selected !== undefined && keyOf(row) === selected;
  if (onChoose === undefined) {
    return (
      <div class="tr" style={style}>
        {cells}
      </div>
    );
  }
  const open = expanded?.(row);
  return (
    <button
      type="button"
      class={`tr ${chosen ? 'sel' : ''}`}
      style={style}
      {...(open === undefined ? {} : { 'aria-expanded': open })}
      onClick={() => onChoose(row)}
    >
      {cells}
    </button>
  );
}

function sort<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sorting: Sorting | null): readonly Row[] {
  const value = columns.find(({ id }) => id === sorting?.column)?.value;
  if (sorting === null || value === undefined) return rows;
  const sign = sorting.down ? -1 : 1;
  return rows
    .map((row) => ({ row, key: value(row) }))
    .sort((a, b) => (a.key < b.key ? -sign : a.key > b.key ? sign : 0))
    .map(({ row }) => row);
}
