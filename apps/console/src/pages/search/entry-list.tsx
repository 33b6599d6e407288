import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useLayoutEffect, useRef } from 'react';
import type { ListedEntry } from '../../api/api.js';
import { OutcomeSign } from '../../entries/outcome.js';
import { actorOf } from '../../entries/people.js';
import { PersonName, SentenceText } from '../../entries/sentence.js';
import { sentenceText } from '../../entries/sentences.js';
import { usePreferences } from '../../shell/preferences.js';
import { useZone } from '../../shell/use-zone.js';
import { clock, instant, offset, relative, shortDay } from '../../time/format.js';
import { UTC, type Zone } from '../../time/zone.js';

export const ROW_HEIGHT = { normal: 32, compact: 24 } as const;

interface EntryListProps {
  readonly items: readonly ListedEntry[];
  /** Row of the keyboard. */
  readonly active: number;
  readonly opened: string | undefined;
  readonly hasMore: boolean;
  /** How many rows came above the others since the search. */
  readonly added: number;
  readonly onActivate: (row: number) => void;
  readonly onOpen: (row: number) => void;
  readonly onEnd: () => void;
}

/** The entries that were found: a grid with one tab stop, of which only the rows in view exist. */
export function EntryList(props: EntryListProps): ReactNode {
  const { items, active, opened, hasMore, added, onActivate, onOpen, onEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const zone = useZone();
  const { density } = usePreferences();
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
  const before = useRef({ added, active });
  useLayoutEffect(() => {
    const came = added - before.current.added;
    const moved = active - before.current.active;
    before.current = { added, active };
    const top = scroller.current?.scrollTop ?? 0;
    if (came > 0 && top > 0) scroller.current?.scrollTo({ top: top + came * ROW_HEIGHT[density] });
    if (moved !== 0 && moved !== came) rows.scrollToIndex(active);
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
      className={`entries is-${density}`}
      ref={scroller}
    >
      <div role="rowgroup" className="entries-head">
        <div role="row" aria-rowindex={1} className="entry-row">
          <span role="columnheader">time {zone === UTC ? UTC : zone}</span>
          <span role="columnheader">
            <span className="hidden">outcome</span>
          </span>
          <span role="columnheader">what happened</span>
          <span role="columnheader">who</span>
          <span role="columnheader">app</span>
          <span role="columnheader">address</span>
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
                row={index}
                top={start}
                height={ROW_HEIGHT[density]}
                zone={zone}
                isActive={index === active}
                isOpened={listed.entry.id === opened}
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
  readonly row: number;
  readonly top: number;
  readonly height: number;
  readonly zone: Zone;
  readonly isActive: boolean;
  readonly isOpened: boolean;
  readonly onClick: () => void;
}

function EntryRow(props: EntryRowProps): ReactNode {
  const { listed, row, top, height, zone, isActive, isOpened, onClick } = props;
  const { entry, personal, index } = listed;
  const at = Date.parse(entry.recordedAt);
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
      <span role="gridcell" className="time" title={timeTitle(at, zone, index)}>
        <span className="date">{shortDay(at, zone)} </span>
        {clock(at, zone)}
        <span className="ms">{clock(at, zone, { hasMs: true }).slice(-4)}</span>
        {zone !== UTC && <span className="offset"> {offset(at, zone)}</span>}
      </span>
      <span role="gridcell">
        <OutcomeSign outcome={entry.outcome} />
      </span>
      <span role="gridcell" className="what" title={sentenceText(listed)}>
        <SentenceText listed={listed} />
      </span>
      <span role="gridcell" className="who">
        <PersonName person={actorOf(listed)} />
      </span>
      <span role="gridcell" className="app" title={entry.actor.clientApp}>
        {entry.actor.clientApp ?? '—'}
      </span>
      <span role="gridcell" className="address">
        {personal.clientAddress ?? (entry.personal?.clientAddress ? 'erased' : '—')}
      </span>
    </div>
  );
}

/** The other zone, the distance from now, and the place in the log. */
function timeTitle(at: number, zone: Zone, index: number): string {
  const other = zone === UTC ? new Intl.DateTimeFormat().resolvedOptions().timeZone : UTC;
  return `${instant(at, other)} · ${relative(at, Date.now())} · #${index}`;
}

function rowId(row: number): string {
  return `entry-row-${row}`;
}
