import { type Balancing, fairness, retryAfterAccuracy } from '#libs/request-budget/testing';
import { table } from './figures.js';
import type { CrowdVisit } from './storm-crowd.js';
import { TENANTS } from './storm-people.js';
import type { Scenario } from './storm-scenarios.js';

/** Calls that ACS received, and of those the ones that it answered with 429. */
export interface AcsCalls {
  readonly made: number;
  readonly throttled: number;
}

/** The measured results of one storm. */
export interface StormResult {
  readonly name: string;
  readonly people: number;
  readonly served: number;
  /** Until the last person was served or gave up. */
  readonly totalMs: number;
  /** The lowest number of calls under one limit of ACS that can serve everyone. */
  readonly neededPerLimit: number;
  readonly calls: AcsCalls;
  /** Absent for the naive peer, which defers nobody. */
  readonly budgeted?: {
    /** The lowest number of calls that can serve those who were served. */
    readonly neededCalls: number;
    /** Problem codes of responses other than 200 and 429; `none` for no response. */
    readonly faults: readonly string[];
    readonly mayBreak: boolean;
    readonly noShows: number;
    /** People with a deferred request. */
    readonly deferred: number;
    /** Share of those who returned that was served then. */
    readonly servedOnReturn: number;
    /** Share of `Retry-After` values within 20 % of the real waiting time. */
    readonly retryAfterAccuracy: number;
    /** Jain's index when half and three quarters were served; absent for short storms. */
    readonly fairness:
      | { readonly tenants: readonly number[]; readonly apps: readonly number[] }
      | undefined;
    /** Calls of the person on many connections. */
    readonly floodCalls: number | undefined;
    readonly reusesTokens: boolean;
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

/** The first window is first come, first served; to balance it takes one and a half more. */
const WINDOWS_UNTIL_FAIR = 2.5;
const SHARES = [0.5, 0.75];
/** Of all calls, for the person on many connections. */
const MAX_FLOOD_SHARE = 0.05;

/** The results of a storm from what its people saw. */
export function measure(
  visits: readonly CrowdVisit[],
  storm: {
    readonly scenario: Scenario;
    readonly totalMs: number;
    readonly calls: AcsCalls;
    readonly limit: number;
    readonly floodCalls: number | undefined;
  },
): StormResult {
  const { scenario, totalMs, calls, limit, floodCalls } = storm;
  const { name, returning, reusesTokens = false, breaksConnections = false } = scenario;
  const people = visits.length;
  const returned = visits.filter(({ deferrals, isNoShow }) => deferrals.length > 0 && !isNoShow);
  const served = visits.filter(({ servedAtMs }) => servedAtMs !== undefined);
  const firstCalls = people * (1 - returning);
  const neededPerLimit = Math.max(firstCalls, reusesTokens ? 0 : people * returning);
  const isLong = SHARES.every((share) => share * neededPerLimit >= WINDOWS_UNTIL_FAIR * limit);
  const largest = visits.filter(({ tenant }) => tenant === TENANTS.at(-1));
  return {
    ...{ name, people, served: served.length, totalMs, neededPerLimit, calls },
    budgeted: {
      neededCalls: reusesTokens ? firstCalls : served.length,
      faults: visits.flatMap(({ faults }) => faults),
      mayBreak: breaksConnections,
      noShows: visits.filter(({ isNoShow }) => isNoShow).length,
      deferred: visits.filter(({ deferrals }) => deferrals.length > 0).length,
      servedOnReturn:
        returned.length === 0
          ? 1
          : returned.filter(({ deferrals }) => deferrals.length === 1).length / returned.length,
      retryAfterAccuracy: retryAfterAccuracy(
        visits.filter(({ isNoShow }) => !isNoShow),
        0.2,
      ),
      fairness: isLong
        ? {
            tenants: SHARES.map((share) => fairness(visits, share)),
            apps: SHARES.map((share) => fairness(largest, share, ({ clientApp }) => clientApp)),
          }
        : undefined,
      floodCalls,
      reusesTokens,
    },
  };
}

/** The report as Markdown, and the goals that were missed. */
export function stormReport(
  results: readonly StormResult[],
  terms: StormTerms,
): { readonly text: string; readonly missed: readonly string[] } {
  const boundMs = ({ neededPerLimit }: StormResult): number =>
    Math.max(0, Math.ceil(neededPerLimit / terms.limit) - 1) * terms.windowMs;
  const missed = results.flatMap((result) =>
    missedBy(result, terms.isLenient ? undefined : boundMs(result)),
  );
  const lines = [
    '# A login storm',
    '',
    `\`${terms.command}\` on ${terms.machine}, everything on one machine: PostgreSQL, the emulator, the replicas and the clients.`,
    '',
    `${terms.count} people of ten tenants and three client applications of unequal size request a token at once, over ${terms.replicas} api processes with default settings, against the emulator, which accepts ${terms.limit} calls of each kind in any ${terms.windowMs / 1000} s, counts refused ones too, and answers after 40 ms. PostgreSQL is durable. Each process has served some hundred people before. A deferred person repeats the request after \`Retry-After\`, ${terms.balancing === 'connection' ? 'on the same connection, so to the same process' : 'to any process'}.`,
    '',
    'The bound is the shortest time in which the limits admit the needed calls: all windows but the first; first calls and those of returning people have a limit each. `Retry-After` is accurate when it is within 20 % of the time from the deferral until the person was served. Fairness is Jain’s index over what the tenants, and the client applications of the largest tenant, had received when half and three quarters were served, each relative to its max-min fair share; only for storms of more than five windows, because the first window is first come, first served.',
    '',
    table(
      HEADER,
      results.map((result) => rowOf(result, boundMs(result))),
    ),
    '',
    missed.length === 0 && !terms.isLenient
      ? `Every goal is met: all served, total ≤ 1.05 × bound, no 429 from ACS, no response but 200 and 429, no needless calls, 98 % served when they return, 95 % of \`Retry-After\` accurate, fairness ≥ 0.95, at most ${MAX_FLOOD_SHARE * 100} % of the calls for the person on many connections.`
      : `Missed: ${missed.length === 0 ? 'none of the goals that were checked' : missed.join('; ')}.`,
    '',
  ];
  return { text: lines.join('\n'), missed };
}

const HEADER = [
  'Storm',
  'Served',
  'Total s',
  'Bound s',
  'Total / bound',
  'ACS calls',
  'ACS 429s',
  'Other responses',
  'Deferred',
  'Served on return',
  'Retry-After ± 20 %',
  'Fairness: tenants, apps',
  'Flood calls',
] as const;

function rowOf(result: StormResult, bound: number): string[] {
  const { name, people, served, totalMs, calls, budgeted } = result;
  const fair = budgeted?.fairness;
  const noShows = budgeted?.noShows ?? 0;
  return [
    name,
    `${served} of ${people}${noShows > 0 ? `, ${noShows} left` : ''}`,
    seconds(totalMs),
    seconds(bound),
    bound === 0 ? '–' : (totalMs / bound).toFixed(3),
    String(calls.made),
    String(calls.throttled),
    budgeted ? countsOf(budgeted.faults) : '–',
    budgeted ? String(budgeted.deferred) : '–',
    budgeted ? percent(budgeted.servedOnReturn) : '–',
    budgeted ? percent(budgeted.retryAfterAccuracy) : '–',
    fair
      ? [fair.tenants, fair.apps].map((indexes) => indexes.map(index).join(' / ')).join(', ')
      : '–',
    budgeted?.floodCalls === undefined ? '–' : String(budgeted.floodCalls),
  ];
}

/** @param boundMs what the total is compared with; absent to check nothing that depends on time */
function missedBy(result: StormResult, boundMs: number | undefined): string[] {
  const { name, people, served, totalMs, calls, budgeted } = result;
  if (!budgeted) return [];
  const { faults, mayBreak, noShows, neededCalls, floodCalls = 0, fairness: fair } = budgeted;
  const unexpected = faults.filter((code) => !(mayBreak && code === 'none'));
  const repeatable = faults.length - unexpected.length;
  const needless = calls.made - (neededCalls + floodCalls + repeatable);
  const left = people - served - noShows;
  const missed = [
    ...(left > 0 ? [`${name}: ${left} not served`] : []),
    ...(unexpected.length > 0 ? [`${name}: responses ${countsOf(unexpected)}`] : []),
    ...(calls.throttled > 0 ? [`${name}: ${calls.throttled} responses 429 from ACS`] : []),
    ...(needless > 0.02 * neededCalls ? [`${name}: ${needless} needless calls to ACS`] : []),
    ...(floodCalls > MAX_FLOOD_SHARE * calls.made
      ? [`${name}: ${floodCalls} calls for the person on many connections`]
      : []),
  ];
  if (boundMs === undefined) return missed;
  const isSlow = boundMs > 0 && totalMs > 1.05 * boundMs;
  return [
    ...missed,
    ...(isSlow ? [`${name}: slow`] : []),
    ...([...(fair?.tenants ?? []), ...(fair?.apps ?? [])].some((one) => one < 0.95)
      ? [`${name}: unfair`]
      : []),
    ...(budgeted.servedOnReturn < 0.98 ? [`${name}: deferred more than once`] : []),
    ...(budgeted.retryAfterAccuracy < 0.95 ? [`${name}: inaccurate Retry-After`] : []),
  ];
}

/** Such as `database-unavailable × 12, none × 3`. */
function countsOf(codes: readonly string[]): string {
  const counts = [...Map.groupBy(codes, (code) => code)].map(
    ([code, all]) => `${code} × ${all.length}`,
  );
  return counts.length === 0 ? '0' : counts.join(', ');
}

function index(value: number): string {
  return value.toFixed(3);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}
