import type { Balancing } from '#libs/request-budget/testing';

/** The measured results of one storm. */
export interface StormResult {
  readonly name: string;
  readonly people: number;
  readonly served: number;
  /** Until the last person was served or gave up. */
  readonly totalMs: number;
  /** The lowest number of calls to ACS that can serve everyone. */
  readonly needed: number;
  /** Calls that ACS received. */
  readonly calls: number;
  /** Of those, the calls that it answered with 429. */
  readonly throttled: number;
  /** Absent for the naive peer, which defers nobody. */
  readonly budgeted?: {
    readonly faults: readonly number[];
    /** People with a deferred request. */
    readonly deferred: number;
    readonly deferredAgain: number;
    /** Share of `Retry-After` values within 20 % of the real waiting time. */
    readonly retryAfterAccuracy: number;
    /** Jain's index when a quarter, half and three quarters were served; absent where most need no call. */
    readonly fairness?: readonly number[];
  };
}

export interface StormTerms {
  readonly command: string;
  readonly machine: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly count: number;
  readonly replicas: number;
  readonly balancing: Balancing;
  /** Leaves out what depends on the load of the machine: total, Retry-After and fairness. */
  readonly isLenient: boolean;
}

/** The report as Markdown, and the goals that were missed. */
export function stormReport(
  results: readonly StormResult[],
  terms: StormTerms,
): { readonly text: string; readonly missed: readonly string[] } {
  const boundMs = ({ needed }: StormResult): number =>
    Math.max(0, Math.ceil(needed / terms.limit) - 1) * terms.windowMs;
  const rows = results.map((result) => {
    const { name, people, served, totalMs, calls, throttled, budgeted } = result;
    const bound = boundMs(result);
    return [
      name,
      `${served} of ${people}`,
      seconds(totalMs),
      seconds(bound),
      bound === 0 ? '–' : (totalMs / bound).toFixed(3),
      String(calls),
      String(throttled),
      budgeted?.fairness?.map((index) => index.toFixed(3)).join(' / ') ?? '–',
      budgeted ? `${budgeted.deferred} (${budgeted.deferredAgain} more than once)` : '–',
      budgeted ? `${(budgeted.retryAfterAccuracy * 100).toFixed(1)} %` : '–',
    ];
  });
  const header = [
    'Storm',
    'Served',
    'Total s',
    'Bound s',
    'Total / bound',
    'ACS calls',
    'ACS 429s',
    'Fairness at ¼ / ½ / ¾',
    'Deferred',
    'Retry-After within ± 20 %',
  ];
  const longestMs = Math.max(...results.map(({ totalMs }) => totalMs));
  const missed = results.flatMap((result) =>
    missedBy(result, terms.isLenient ? undefined : { boundMs: boundMs(result), longestMs }),
  );
  const lines = [
    '# A login storm',
    '',
    `\`${terms.command}\` on ${terms.machine}, everything on one machine.`,
    '',
    `${terms.count} people of ten tenants of unequal size request a token at once, over ${terms.replicas} api processes, against the emulator, which accepts ${terms.limit} calls of each kind in any ${terms.windowMs / 1000} s and answers after 40 ms. PostgreSQL is durable. A deferred person repeats the request after \`Retry-After\`, ${terms.balancing === 'connection' ? 'on the same connection, so to the same process' : 'to any process'}.`,
    '',
    'The bound is the shortest time in which the limit admits the needed calls: all windows but the first. Fairness is Jain’s index over what the tenants had received when a quarter, half and three quarters of all were served, each relative to its max-min fair share. `Retry-After` is accurate when it is within 20 % of the time from the deferral until the person was served.',
    '',
    table([header, ...rows]),
    '',
    missed.length === 0 && !terms.isLenient
      ? 'Every goal is met: all served, total ≤ 1.05 × bound, no 429 from ACS, fairness ≥ 0.95, 95 % of `Retry-After` accurate; with reuse no more calls than new people, and less than half the time.'
      : `Missed: ${missed.length === 0 ? 'none of the goals that were checked' : missed.join('; ')}.`,
    '',
  ];
  return { text: lines.join('\n'), missed };
}

/** @param pace what the total is compared with; absent to check nothing that depends on time */
function missedBy(
  { name, people, served, totalMs, needed, calls, throttled, budgeted }: StormResult,
  pace: { readonly boundMs: number; readonly longestMs: number } | undefined,
): string[] {
  if (!budgeted) return [];
  const missed = [
    ...(served < people ? [`${name}: ${people - served} not served`] : []),
    ...(budgeted.faults.length > 0
      ? [`${name}: responses ${[...new Set(budgeted.faults)].join(', ')}`]
      : []),
    ...(throttled > 0 ? [`${name}: ${throttled} responses 429 from ACS`] : []),
    ...(calls > 1.02 * needed ? [`${name}: ${calls} calls to ACS for ${needed} tokens`] : []),
  ];
  if (!pace) return missed;
  const isEveryoneNew = needed === people;
  const isSlow = totalMs > (isEveryoneNew ? 1.05 * pace.boundMs : pace.longestMs / 2);
  return [
    ...missed,
    ...(isSlow ? [`${name}: slow`] : []),
    ...(budgeted.fairness?.some((index) => index < 0.95) ? [`${name}: unfair`] : []),
    ...(budgeted.retryAfterAccuracy < 0.95 ? [`${name}: inaccurate Retry-After`] : []),
  ];
}

function table([header = [], ...rows]: readonly (readonly string[])[]): string {
  const all = [header, header.map(() => '---'), ...rows];
  const widths = header.map((_name, column) =>
    Math.max(...all.map((cells) => (cells[column] ?? '').length)),
  );
  return all
    .map((cells) => {
      const padded = cells.map((cell, column) =>
        cell === '---' ? '-'.repeat(widths[column] ?? 3) : cell.padEnd(widths[column] ?? 0),
      );
      return `| ${padded.join(' | ')} |`;
    })
    .join('\n');
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}
