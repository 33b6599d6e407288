import { useVirtualizer } from '@tanstack/react-virtual';
import { type CSSProperties, type ReactNode, useEffect, useLayoutEffect, useRef } from 'react';
import type { ListedEntry } from '../../api/api.js';
import { usePreferences } from '../../shell/preferences.js';
import { useZone } from '../../shell/use-zone.js';
import { type Zone } from '../../time/zone.js';
import { type Column, type ColumnSetName, widthsOf } from './columns.js';
import { useColumnSet } from './use-columns.js';

export const ROW_HEIGHT = { normal: 32, compact: 24 } as const;

interface EntryListProps {
  readonly items: readonly ListedEntry[];
  readonly columns: ColumnSetName;
  /** Row of the keyboard. */
  readonly active: number;
  /** -1 when the opened entry, if any, is none of them. */
  readonly openedRow: number;
  readonly hasMore: boolean;
  /** How many rows came above the others since the search. */
  readonly added: number;
  readonly onActivate: (row: number) => void;
  readonly onOpen: (row: number) => void;
  readonly onEnd: () => void;
}

/** The entries that were found: a grid with one tab stop, of which only the rows in view exist. */
export function EntryList(props: EntryListProps): ReactNode {
  const { items, active, openedRow, hasMore, added, onActivate, onOpen, onEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const zone = useZone();
  const { density } = usePreferences();
  const set = useColumnSet(props.columns);
  const widths = widthsOf(set);
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT[density],
    overscan: 12,
  });
  const visible = rows.getVirtualItems();
  const last = visible.at(-1)?.index ?? -1;
  useEffect(() => {
    if (hasMore && last >= items.length - 20) onEnd();
  }, [hasMore, last, items.length, onEnd]);
  // Rows that come above leave those in view where they are, unless the newest one is in view.
  const before = useRef({ added, active: 0 });
  useLayoutEffect(() => {
    const came = added - before.current.added;
    const moved = active - before.current.active;
    before.current = { added, active };
    const top = scroller.current?.scrollTop ?? 0;
    if (came > 0 && top > 0) scroller.current?.scrollTo({ top: top + came * ROW_HEIGHT[density] });
    if (moved === 0 || moved === came) return;
    rows.scrollToIndex(active);
    // In a low window the page scrolls as well.
    scroller.current?.scrollIntoView({ block: 'nearest' });
  }, [active, added, density, rows]);
  useEffect(() => {
    rows.measure();
  }, [density, rows]);
  return (
    <div
      role="grid"
      tabIndex={0}
      aria-label="Entries"
      aria-rowcount={hasMore ? -1 : items.length + 1}
      aria-activedescendant={items.length > 0 ? rowId(active) : undefined}
      className={`entries is-${density} is-${props.columns}`}
      style={{ '--tracks': widths.tracks, '--row': widths.row } as CSSProperties} // its type knows no variables
      ref={scroller}
    >
      <div role="rowgroup" className="entries-head">
        <div role="row" aria-rowindex={1} className="entry-row">
          {set.columns.map((column) => (
            <span key={column.title} role="columnheader">
              {column.isTitleHidden === true ? (
                <span className="hidden">{column.title}</span>
              ) : (
                titleOf(column, zone)
              )}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className="entries-body" style={{ height: rows.getTotalSize() }}>
        {visible.map(({ index, start }) => {
          const listed = items[index];
          return (
            listed && (
              <EntryRow
                key={listed.entry.id}
                listed={listed}
                columns={set.columns}
                row={index}
                top={start}
                height={ROW_HEIGHT[density]}
                zone={zone}
                isActive={index === active}
                isOpened={index === openedRow}
                onClick={() => {
                  onActivate(index);
                  onOpen(index);
                }}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

interface EntryRowProps {
  readonly listed: ListedEntry;
  readonly columns: readonly Column[];
  readonly row: number;
  readonly top: number;
  readonly height: number;
  readonly zone: Zone;
  readonly isActive: boolean;
  readonly isOpened: boolean;
  readonly onClick: () => void;
}

function EntryRow(props: EntryRowProps): ReactNode {
  const { listed, columns, row, top, height, zone, isActive, isOpened, onClick } = props;
  const classes = ['entry-row', isActive && 'is-active', isOpened && 'is-opened'];
  return (
    <div
      role="row"
      id={rowId(row)}
      aria-rowindex={row + 2}
      aria-selected={isActive}
      className={classes.filter(Boolean).join(' ')}
      style={{ top, height }}
      onClick={onClick}
    >
      {columns.map(({ title, name, cell, tooltip }) => (
        <span key={title} role="gridcell" className={name} title={tooltip?.(listed, zone)}>
          {cell(listed, zone)}
        </span>
      ))}
    </div>
  );
}

/** Times are never without their zone. */
function titleOf({ name, title }: Column, zone: Zone): string {
  return name === 'time' ? `${title} ${zone}` : title;
}

function rowId(row: number): string {
  return `entry-row-${row}`;
}
