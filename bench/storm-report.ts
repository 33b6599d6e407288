import type { Balancing } from '#libs/request-budget/testing';

/** One storm, measured. */
export interface StormResult {
  readonly name: string;
  readonly people: number;
  readonly served: number;
  /** Until the last one was served, or given up on. */
  readonly totalMs: number;
  /** Calls that ACS has to take at the least. */
  readonly needed: number;
  /** Calls that ACS got. */
  readonly calls: number;
  /** Of those, how many it refused for its limits. */
  readonly throttled: number;
  /** Absent for the naive way, which tells nobody when to come back. */
  readonly budgeted?: {
    readonly faults: readonly number[];
    readonly told: number;
    readonly toldMoreThanOnce: number;
    /** Share of the times told that were right within 20 %. */
    readonly toldRight: number;
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
  /** Leaves out what a busy machine can't keep: the total, the times told and fairness. */
  readonly isLenient: boolean;
}

/** The report as Markdown, and the promises that were broken. */
export function stormReport(
  results: readonly StormResult[],
  terms: StormTerms,
): { readonly text: string; readonly broken: readonly string[] } {
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
      budgeted ? `${budgeted.told} (${budgeted.toldMoreThanOnce} more than once)` : '–',
      budgeted ? `${(budgeted.toldRight * 100).toFixed(1)} %` : '–',
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
    'Told to come back',
    'Told right (± 20 %)',
  ];
  const longestMs = Math.max(...results.map(({ totalMs }) => totalMs));
  const broken = results.flatMap((result) =>
    brokenBy(result, terms.isLenient ? undefined : { boundMs: boundMs(result), longestMs }),
  );
  const lines = [
    '# A login storm',
    '',
    `\`${terms.command}\` on ${terms.machine}, everything on the one machine.`,
    '',
    `${terms.count} people of ten tenants of unequal size ask at once, over ${terms.replicas} api processes, against the emulator that takes ${terms.limit} calls of each kind in any ${terms.windowMs / 1000} s and answers after 40 ms. PostgreSQL is durable. Who is told to come back does so then, ${terms.balancing === 'connection' ? 'to the same process (its connection stays)' : 'to any process'}.`,
    '',
    'The bound is the time in which the limit lets the needed calls through: all windows but the first. Fairness is Jain’s index over what the tenants had got when a quarter, half and three quarters of all were served, each against its part in an equal division of which nobody takes more than it asked for. A time told is right when it is within 20 % of the time that it took from being told until being served.',
    '',
    table([header, ...rows]),
    '',
    broken.length === 0 && !terms.isLenient
      ? 'Every promise is kept: all served, total ≤ 1.05 × bound, no 429 from ACS, fairness ≥ 0.95, 95 % told right; with reuse no more calls than new people, and less than half the time.'
      : `Broken: ${broken.length === 0 ? 'none of those that were judged' : broken.join('; ')}.`,
    '',
  ];
  return { text: lines.join('\n'), broken };
}

/** @param pace what the total is held against; absent to judge nothing that has to do with time */
function brokenBy(
  { name, people, served, totalMs, needed, calls, throttled, budgeted }: StormResult,
  pace: { readonly boundMs: number; readonly longestMs: number } | undefined,
): string[] {
  if (!budgeted) return [];
  const broken = [
    ...(served < people ? [`${name}: ${people - served} not served`] : []),
    ...(budgeted.faults.length > 0
      ? [`${name}: answers ${[...new Set(budgeted.faults)].join(', ')}`]
      : []),
    ...(throttled > 0 ? [`${name}: ${throttled} times 429 from ACS`] : []),
    ...(calls > 1.02 * needed ? [`${name}: ${calls} calls to ACS for ${needed} tokens`] : []),
  ];
  if (!pace) return broken;
  const isEverybodyNew = needed === people;
  const isSlow = totalMs > (isEverybodyNew ? 1.05 * pace.boundMs : pace.longestMs / 2);
  return [
    ...broken,
    ...(isSlow ? [`${name}: slow`] : []),
    ...(budgeted.fairness?.some((index) => index < 0.95) ? [`${name}: unfair`] : []),
    ...(budgeted.toldRight < 0.95 ? [`${name}: told wrong times`] : []),
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
