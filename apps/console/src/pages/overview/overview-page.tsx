import type { components } from '@acs-identity/client';
import { Button } from '@fluentui/react-components';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { useApi } from '../../api/api-context.js';
import type { Entry } from '../../api/api.js';
import { type Bucket, StackedBars, totalOf } from '../../charts/stacked-bars.js';
import { RankedBars } from '../../charts/ranked-bars.js';
import { fragmentOf, go, useAddress } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { useKeys } from '../../shell/keys.js';
import { useZone } from '../../shell/use-zone.js';
import { Waiting } from '../../shell/waiting.js';
import { minutes, rfc3339, shortDay } from '../../time/format.js';
import { RangePicker } from '../../time/range-picker.js';
import { absolute, DEFAULT_RANGE, readRange, type Span, spanAt } from '../../time/range.js';
import { UTC } from '../../time/zone.js';

type Counts = components['schemas']['AuditStatistics']['items'];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longer ranges are counted by day. */
const MAX_HOURS = 7 * 24;
const MAX_REASONS = 8;

/** What happened in a time, in two charts. Two readings, and so two entries of the log. */
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
  const outcomes = useCounts({ from, to, bucket, dimension: 'outcome' });
  const reasons = useCounts({ from, to, bucket: 'month', dimension: 'reasonCode' });
  const refresh = (): void => {
    setCountedAt(Date.now());
  };
  useKeys({ '.': refresh });
  const unit = isByHour ? HOUR_MS : DAY_MS;
  const buckets = useMemo(
    () => bucketsOf(outcomes.data ?? [], { from: Date.parse(from), to: Date.parse(to) }, unit),
    [outcomes.data, from, to, unit],
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
      <Panel query={outcomes} what="Counting">
        <Tiles buckets={labelled} from={from} to={to} />
        <StackedBars
          title={`Entries by ${bucket}, ${zone}`}
          buckets={labelled}
          onOpen={({ start }) => {
            const parameters = new URLSearchParams({
              from: rfc3339(start, UTC),
              to: rfc3339(start + unit, UTC),
            });
            go({ page: 'search', parameters });
          }}
        />
        <AsTable buckets={labelled} />
      </Panel>
      <Panel query={reasons} what="Counting reasons">
        <RankedBars title="Reasons" rows={ranked(reasons.data ?? [], from, to)} />
      </Panel>
    </section>
  );
}

interface CountsQuery {
  readonly from: string;
  readonly to: string;
  readonly bucket: string;
  readonly dimension: string;
}

function useCounts(query: CountsQuery): UseQueryResult<Counts> {
  const api = useApi();
  return useQuery({
    queryKey: ['statistics', query],
    queryFn: async ({ signal }): Promise<Counts> => {
      const statistics = await api.json<components['schemas']['AuditStatistics']>(
        'GET',
        '/v1/audit/statistics',
        { query: { ...query }, signal },
      );
      return statistics.items;
    },
  });
}

/** A part of the page that waits and fails apart from the others. */
function Panel({
  query,
  what,
  children,
}: {
  readonly query: UseQueryResult<Counts>;
  readonly what: string;
  readonly children: ReactNode;
}): ReactNode {
  if (query.error)
    return <FailureMessage error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <Waiting what={what} />;
  return children;
}

/** Every unit of the window, also those without entries. */
function bucketsOf(counts: Counts, { from, to }: Span & { to: number }, unit: number): Bucket[] {
  const byStart = new Map<number, Partial<Record<Entry['outcome'], number>>>();
  for (let start = Math.floor(from / unit) * unit; start < to; start += unit)
    byStart.set(start, {});
  for (const { bucketStart, value, entries } of counts) {
    const found = byStart.get(Date.parse(bucketStart));
    if (found && value !== undefined) found[value as Entry['outcome']] = entries; // counted by outcome
  }
  return [...byStart].map(([start, of]) => ({ start, label: '', counts: of }));
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
            <strong>{sum(outcome).toLocaleString('en')}</strong> {label}
          </a>
        </li>
      ))}
    </ul>
  );
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

/** The most frequent reasons, and the sum of the rest. */
function ranked(
  counts: Counts,
  from: string,
  to: string,
): { label: string; count: number; href?: string }[] {
  const sums = new Map<string, number>();
  for (const { value, entries } of counts)
    if (value !== undefined) sums.set(value, (sums.get(value) ?? 0) + entries);
  const sorted = [...sums].sort(([, a], [, b]) => b - a);
  const rest = sorted.slice(MAX_REASONS).reduce((total, [, count]) => total + count, 0);
  return [
    ...sorted.slice(0, MAX_REASONS).map(([reasonCode, count]) => ({
      label: reasonCode,
      count,
      href: fragmentOf({
        page: 'search',
        parameters: new URLSearchParams({ from, to, reasonCode }),
      }),
    })),
    ...(rest > 0 ? [{ label: 'the rest', count: rest }] : []),
  ];
}
