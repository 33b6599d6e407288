import { Button, Checkbox } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useCallback, useMemo, useState } from 'react';
import { change, useAddress } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { useKeys } from '../../shell/keys.js';
import { say } from '../../shell/say.js';
import { setPreferences, usePreferences } from '../../shell/preferences.js';
import { useZone } from '../../shell/use-zone.js';
import { Waiting } from '../../shell/waiting.js';
import { RangePicker } from '../../time/range-picker.js';
import { DEFAULT_RANGE, readRange, spanAt } from '../../time/range.js';
import { ColumnsMenu } from './columns-menu.js';
import { EmptyResult } from './empty-result.js';
import { EntryList } from './entry-list.js';
import { useEntryActs } from './entry-acts.js';
import { EntryPane, VALUE_KEYS } from './entry-pane.js';
import { FilterBar } from './filter-bar.js';
import { isPersonal, readFilters, refusalOf, withoutHousekeeping } from './filters.js';
import { Foot, footStateOf } from './foot.js';
import { LiveState } from './live-state.js';
import { refusedFilters } from './refused-filters.js';
import { type Search, useEntries, useShownEntries } from './use-entries.js';
import { chooseColumns, useColumns } from './use-columns.js';
import { useLiveTail } from './use-live-tail.js';

const ExportDialog = lazy(async () => import('./export-dialog.js'));
const OwnColumnsDialog = lazy(async () => import('./own-columns-dialog.js'));
const ViewsDialog = lazy(async () => import('./views-dialog.js'));

/** Rows that PageUp and PageDown move by. */
const PAGE_ROWS = 20;

/** The entries of the log that match filters, with one of them beside the list. */
export default function SearchPage(): ReactNode {
  const { parameters, personal } = useAddress();
  const zone = useZone();
  const client = useQueryClient();
  const [searchedAt, setSearchedAt] = useState(Date.now);
  const range = readRange(parameters);
  const { filters, faults } = readFilters(parameters, personal);
  const rangeFaults = range ? [] : ['range', 'from', 'to'].filter((name) => parameters.has(name));
  const order = parameters.get('order') ?? 'descending';
  const isAscending = order === 'ascending';
  const orderFaults = isAscending || order === 'descending' ? [] : ['order'];
  const { columns, isUnknown } = useColumns();
  const columnFaults = isUnknown ? ['columns'] : [];
  const allFaults = [...faults, ...rangeFaults, ...orderFaults, ...columnFaults];
  // By what it says, so that opening an entry does not search again.
  const { showsHousekeeping } = usePreferences();
  const what = JSON.stringify([filters, range, order, allFaults, showsHousekeeping]);
  const search = useMemo(
    (): Search | undefined =>
      range && allFaults.length === 0
        ? {
            filters: showsHousekeeping ? filters : withoutHousekeeping(filters),
            span: spanAt(range, searchedAt),
            isAscending,
          }
        : undefined,
    [what, searchedAt],
  );
  const found = useEntries(search, searchedAt);
  const shown = useShownEntries(what, search, searchedAt, found.data?.pages);
  const pages = shown?.pages;
  const isRefreshed = shown?.search === search;
  const [isLive, setIsLive] = useState(false);
  const newestIndex = pages?.[0]?.newestIndex;
  const isOpenEnded = search !== undefined && search.span.to === undefined && !isAscending;
  const isMerged = filters.some(({ name }) => name === 'involvedSubject');
  const isOn = isLive && isOpenEnded && !isMerged && !filters.some(isPersonal);
  const tail = useLiveTail({ search: shown?.search, isOn, newestIndex });
  const isCut = tail.count > tail.items.length;
  const items = useMemo(() => {
    // Between the newest rows and those of the search some are left out.
    if (isCut) return tail.items;
    return [...tail.items, ...(pages?.flatMap((page) => page.items) ?? [])];
  }, [pages, tail, isCut]);
  const opened = parameters.get('entry') ?? undefined;
  const openedRow = items.findIndex(
    ({ entry, index }) => entry.id === opened || String(index) === opened,
  );
  const [active, setActive] = useState(0);
  // The row of the keyboard is the first one of a search, or that of an entry which a link opens.
  const shownEntry = openedRow === -1 ? undefined : opened;
  const key = JSON.stringify([what, shown?.searchedAt ?? searchedAt]);
  const [marked, setMarked] = useState({ key, entry: shownEntry });
  if (marked.key !== key || marked.entry !== shownEntry) {
    setMarked({ key, entry: shownEntry });
    if (openedRow !== -1) setActive(openedRow);
    else if (marked.key !== key) setActive(0);
  }
  // The row of the keyboard stays on its entry. The first one stays the newest, until somebody opens it.
  const follows = active === 0 && opened === undefined;
  const [added, setAdded] = useState(0);
  if (added !== tail.count) {
    setAdded(tail.count);
    if (!follows) setActive(Math.max(0, Math.min(items.length - 1, active + tail.count - added)));
  }
  const refused = useMemo(() => refusedFilters(found.error), [found.error]);
  const isExplained = filters.some((one) => refusalOf(one, filters, refused) !== undefined);

  const open = useCallback(
    (row: number) => {
      const id = items[row]?.entry.id;
      if (id !== undefined) change({ entry: id }, { replaces: opened !== undefined });
    },
    [items, opened],
  );
  const move = (rows: number): void => {
    const row = Math.max(0, Math.min(items.length - 1, active + rows));
    setActive(row);
    // A button that keeps the focus has the key Enter for itself.
    document.querySelector<HTMLElement>('.entries')?.focus();
    if (opened !== undefined) open(row);
  };
  const mover = (rows: number) => (): void => {
    move(rows);
  };
  const close = (): void => {
    change({ entry: undefined });
  };
  const { fetchNextPage, isFetchingNextPage } = found;
  const more = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);
  const [isExporting, setIsExporting] = useState<boolean>();
  const askExport = (): void => {
    setIsExporting(true);
  };
  const [areViewsOpen, setAreViewsOpen] = useState<boolean>();
  const showViews = (): void => {
    setAreViewsOpen(true);
  };
  const [areColumnsOpen, setAreColumnsOpen] = useState<boolean>();
  const askColumns = (): void => {
    if (columns !== 'own') chooseColumns('own');
    setAreColumnsOpen(true);
  };
  const refresh = (): void => {
    setSearchedAt(Date.now());
  };
  const switchOrder = (): void => {
    change({ order: isAscending ? undefined : 'ascending', entry: undefined });
  };
  const switchLive = (): void => {
    if (!isOpenEnded)
      say('A live list needs a range that ends now, with the newest entries first.');
    else if (isMerged) say('A live list takes one of “person” and “on person”.');
    else if (filters.some(isPersonal))
      say('Remove the filters by personal values first: a live list takes none.');
    else setIsLive(!isOn);
  };
  const ofMarked = useEntryActs(items[active]);
  const [newest] = tail.items;
  const { span } = shown?.search ?? search ?? {};
  const end = shown?.searchedAt ?? searchedAt;
  const shownTo = newest ? Date.parse(newest.entry.recordedAt) + 1 : end;
  useKeys({
    l: switchLive,
    j: mover(1),
    k: mover(-1),
    ArrowDown: mover(1),
    ArrowUp: mover(-1),
    PageDown: mover(PAGE_ROWS),
    PageUp: mover(-PAGE_ROWS),
    Home: mover(-items.length),
    Enter: () => {
      open(active);
    },
    '.': refresh,
    o: switchOrder,
    e: askExport,
    w: showViews,
    m: askColumns,
    ...(opened === undefined ? { ...ofMarked.keys, ...VALUE_KEYS } : { Escape: close }),
  });

  const cancel = (): void => void client.cancelQueries({ queryKey: ['entries', search] });
  return (
    <div className={opened === undefined ? 'search' : 'search has-entry'}>
      <section className="search-list" aria-label="Search">
        <h1 className="hidden">Search</h1>
        <div className="bar">
          <RangePicker range={range ?? { length: DEFAULT_RANGE }} zone={zone} />
          <FilterBar filters={filters} faults={allFaults} refused={refused} />
          <Checkbox
            className="at-end"
            label="housekeeping"
            title="Readings of the log and of secrets"
            checked={showsHousekeeping}
            onChange={(_event, { checked }) => {
              setPreferences({ showsHousekeeping: checked === true });
            }}
          />
          <ColumnsMenu columns={columns} />
          {columns === 'own' && (
            <Button size="small" onClick={askColumns} title="Key: m">
              Choose columns…
            </Button>
          )}
          <Button size="small" onClick={showViews} title="Key: w">
            Views…
          </Button>
          {isOpenEnded && !isMerged && (
            <Button size="small" aria-pressed={isOn} onClick={switchLive} title="Key: l">
              {isOn ? 'Stop' : 'Live'}
            </Button>
          )}
          {search && (
            <Button size="small" onClick={switchOrder} title="Key: o">
              {isAscending ? 'Oldest first' : 'Newest first'}
            </Button>
          )}
          {search && (
            <Button size="small" onClick={askExport} title="Key: e">
              Export…
            </Button>
          )}
          <Button size="small" onClick={refresh} title="Key: .">
            Refresh
          </Button>
        </div>
        {found.error && !isExplained && (
          <FailureMessage key={found.error.message} error={found.error} onRetry={refetch(found)} />
        )}
        <LiveState
          tail={tail}
          zone={zone}
          onStart={() => {
            setIsLive(false);
          }}
        />
        {shown && items.length === 0 && <EmptyResult filters={filters} range={range} />}
        {items.length > 0 && (
          <EntryList
            items={items}
            columns={columns}
            active={active}
            openedRow={openedRow}
            hasMore={found.hasNextPage && !isCut}
            added={tail.count}
            onActivate={setActive}
            onOpen={open}
            onEnd={more}
          />
        )}
        {found.isFetching && !isRefreshed && <Waiting what="Searching" onCancel={cancel} />}
        {search && span && (
          <Foot
            span={span}
            end={end}
            zone={zone}
            filters={filters.length}
            live={tail.count}
            isAscending={isAscending}
            shown={items.length}
            state={footStateOf({ shown, isRefreshed, isCut, hasMore: found.hasNextPage })}
          />
        )}
      </section>
      {search && span && isExporting !== undefined && (
        <Suspense>
          <ExportDialog
            isOpen={isExporting}
            // What is shown: entries that were recorded since are not part of it.
            search={{ ...search, span: { ...span, to: span.to ?? shownTo } }}
            onClose={() => {
              setIsExporting(false);
            }}
          />
        </Suspense>
      )}
      {areColumnsOpen !== undefined && (
        <Suspense>
          <OwnColumnsDialog
            isOpen={areColumnsOpen}
            onClose={() => {
              setAreColumnsOpen(false);
            }}
          />
        </Suspense>
      )}
      {areViewsOpen !== undefined && (
        <Suspense>
          <ViewsDialog
            isOpen={areViewsOpen}
            columns={columns}
            canSave={search !== undefined}
            onClose={() => {
              setAreViewsOpen(false);
            }}
          />
        </Suspense>
      )}
      {opened !== undefined && (
        <EntryPane key={opened} id={opened} listed={items[openedRow]} onClose={close} />
      )}
    </div>
  );
}

function refetch(query: { readonly refetch: () => Promise<unknown> }): () => void {
  return () => void query.refetch();
}
