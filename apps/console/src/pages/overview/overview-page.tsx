import type { components } from '@acs-identity/client';
import { Button } from '@fluentui/react-components';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { useApi } from '../../api/api-context.js';
import type { Entry } from '../../api/api.js';
import { type Bucket, StackedBars, totalOf } from '../../charts/stacked-bars.js';
import { type Ranked, RankedBars } from '../../charts/ranked-bars.js';
import { fragmentOf, go, useAddress } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { useKeys } from '../../shell/keys.js';
import { useKept } from '../../shell/use-kept.js';
import { useZone } from '../../shell/use-zone.js';
import { Waiting } from '../../shell/waiting.js';
import { instant, minutes, shortDay } from '../../time/format.js';
import { RangePicker } from '../../time/range-picker.js';
import { absolute, DEFAULT_RANGE, readRange, spanAt } from '../../time/range.js';
import { UTC } from '../../time/zone.js';
import { bucketsOf, countedPart, startsOf } from './buckets.js';
import { Health } from './health.js';

type Statistics = components['schemas']['AuditStatistics'];
type Counts = Statistics['items'];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longer ranges are counted by day. */
const MAX_HOURS = 7 * 24;
const MAX_RANKED = 8;
/** Dimensions that are filters too, and whose counts the service stores. */
const RANKED = {
  reasonCode: 'Entries by reason',
  clientApp: 'Entries by app',
  actorTenant: 'Entries by tenant',
} as const;
const REST = 'the rest';

/** What happened in a time, in charts of one reading. */
export default function OverviewPage(): ReactNode {
  const { parameters } = useAddress();
  const zone = useZone();
  const [countedAt, setCountedAt] = useState(Date.now);
  const range = readRange(parameters) ?? { length: DEFAULT_RANGE };
  const span = spanAt(range, countedAt);
  const { from, to } = absolute(
    { ...span, from: Math.max(span.from, countedAt - 730 * DAY_MS) },
    countedAt,
  );
  const isByHour = Date.parse(to) - Date.parse(from) <= MAX_HOURS * HOUR_MS;
  const bucket = isByHour ? 'hour' : 'day';
  // Hours begin together in most zones; days do not.
  const timeZone = isByHour ? UTC : zone;
  const counted = useCounts({ from, to, bucket, timeZone }, countedAt);
  const found = useMemo(
    () => counted.data && { statistics: counted.data, from, to },
    [counted.data, from, to],
  );
  const shown = useKept(JSON.stringify([range, zone]), found);
  const refresh = (): void => {
    setCountedAt(Date.now());
  };
  useKeys({ '.': refresh });
  const buckets = useMemo(
    () =>
      shown
        ? bucketsOf(shown.statistics.items, startsOf(shown.from, shown.to, isByHour, timeZone))
        : [],
    [shown, isByHour, timeZone],
  );
  const labelled = buckets.map((one): Bucket => ({
    ...one,
    label: `${shortDay(one.start, zone)} ${minutes(one.start, zone)}`,
  }));
  return (
    <section className="overview" aria-label="Overview">
      <div className="bar">
        <h1 className="hidden">Overview</h1>
        <RangePicker range={range} zone={zone} />
        <Button size="small" className="at-end" onClick={refresh} title="Key: .">
          Refresh
        </Button>
      </div>
      <Health at={countedAt} />
      {counted.error && (
        <FailureMessage
          key={counted.error.message}
          error={counted.error}
          onRetry={() => void counted.refetch()}
        />
      )}
      {counted.isFetching && <Waiting what="Counting" />}
      {shown && (
        <>
          <p className="soft">
            Entries of the log, counted through{' '}
            {instant(Date.parse(shown.statistics.countedThrough), zone)}. One entry may stand for
            many refusals of one reason:{' '}
            <a href={refusalsOf(shown)}>the column “times” of Refusals</a> has their number.
          </p>
          <Tiles buckets={labelled} from={shown.from} to={shown.to} />
          <StackedBars
            title={`Entries by ${bucket}, ${zone}`}
            buckets={labelled}
            onOpen={({ start }, outcome) => {
              const parameters = new URLSearchParams({
                ...countedPart(start, shown, isByHour, timeZone),
                ...(outcome !== undefined && { outcome }),
              });
              go({ page: 'search', parameters });
            }}
          />
          <AsTable buckets={labelled} />
          <div className="rankings">
            {Object.entries(RANKED).map(([dimension, title]) => (
              <RankedBars
                key={dimension}
                title={title}
                rows={ranked(shown.statistics.items, dimension, shown)}
              />
            ))}
          </div>
        </>
      )}
    </section>
  );
}

interface CountsQuery {
  readonly from: string;
  readonly to: string;
  readonly bucket: string;
  readonly timeZone: string;
}

/** @param countedAt in ms of the epoch: a refresh counts again, also up to an end of its own */
function useCounts(query: CountsQuery, countedAt: number): UseQueryResult<Statistics> {
  const api = useApi();
  return useQuery({
    queryKey: ['statistics', query, countedAt],
    queryFn: async ({ signal }): Promise<Statistics> =>
      api.json('GET', '/v1/audit/statistics', {
        query: { ...query, dimension: ['outcome', ...Object.keys(RANKED)], top: MAX_RANKED },
        signal,
      }),
  });
}

function Tiles({
  buckets,
  from,
  to,
}: {
  readonly buckets: readonly Bucket[];
  readonly from: string;
  readonly to: string;
}): ReactNode {
  const sum = (outcome: Entry['outcome']): number =>
    buckets.reduce((total, { counts }) => total + (counts[outcome] ?? 0), 0);
  const tiles = [
    ['success', 'succeeded'],
    ['denied', 'refused'],
    ['failure', 'failed'],
    ['unknown', 'unknown'],
  ] as const;
  return (
    <ul className="tiles">
      {tiles.map(([outcome, label]) => (
        <li key={outcome}>
          <a
            href={fragmentOf({
              page: 'search',
              parameters: new URLSearchParams({ from, to, outcome }),
            })}
          >
            <strong>{sum(outcome).toLocaleString('en')}</strong>{' '}
            {sum(outcome) === 1 ? 'entry' : 'entries'} {label}
          </a>
        </li>
      ))}
    </ul>
  );
}

function refusalsOf({ from, to }: { readonly from: string; readonly to: string }): string {
  const parameters = new URLSearchParams({ from, to, outcome: 'denied', columns: 'refusals' });
  return fragmentOf({ page: 'search', parameters });
}

function AsTable({ buckets }: { readonly buckets: readonly Bucket[] }): ReactNode {
  return (
    <details>
      <summary>as table</summary>
      <table>
        <thead>
          <tr>
            {['time', 'success', 'denied', 'failure', 'unknown'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {buckets
            .filter((bucket) => totalOf(bucket) > 0)
            .map(({ start, label, counts }) => (
              <tr key={start}>
                <th scope="row">{label}</th>
                <td>{counts.success ?? 0}</td>
                <td>{counts.denied ?? 0}</td>
                <td>{counts.failure ?? 0}</td>
                <td>{counts.unknown ?? 0}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </details>
  );
}

/** The most frequent values of a dimension, and the sum of the rest. */
function ranked(
  counts: Counts,
  ranks: string,
  { from, to }: { readonly from: string; readonly to: string },
): Ranked[] {
  const sums = new Map<string, number>();
  for (const { dimension, value, isRest, entries } of counts) {
    if (dimension !== ranks || (value === undefined && isRest !== true)) continue;
    const name = value ?? REST;
    sums.set(name, (sums.get(name) ?? 0) + entries);
  }
  return [...sums]
    .sort(([a, many], [b, more]) => Number(a === REST) - Number(b === REST) || more - many)
    .map(([label, count]) => {
      if (label === REST) return { label, count };
      const parameters = new URLSearchParams({ from, to, [ranks]: label });
      return { label, count, href: fragmentOf({ page: 'search', parameters }) };
    });
}
