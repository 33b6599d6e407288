import type { ContenderName } from '../contenders/contenders.js';

/** A load, measured in rounds: each contender after the other in each round. */
export type PlannedLoad =
  | { readonly connections: number; readonly seconds: number }
  /** `half`: half of the contender's own peak. */
  | { readonly perSecond: number | 'half'; readonly seconds: number }
  /** People without an identity, over 64 connections. */
  | { readonly firstCalls: number };

/** Contenders that run at the same time and are measured in alternation. */
export interface PlannedGroup {
  readonly contenders: readonly ContenderName[];
  readonly loads: readonly PlannedLoad[];
  /** The first is left out of medians. */
  readonly rounds: number;
  readonly warmUpSeconds: number;
  /** Added to the names of its loads, so that a contender may be in two groups. */
  readonly suffix?: string;
}

/** Of ACS under an open loop. Under a closed one it answers at once. */
export const ACS_LATENCY_MS = 40;
/** Of the load that everything else is compared with. */
export const PEAK_CONNECTIONS = 64;

export function quickPlan(): PlannedGroup[] {
  return [
    {
      contenders: ['service', 'floor', 'naive'],
      loads: [
        { connections: PEAK_CONNECTIONS, seconds: 3 },
        { perSecond: 100, seconds: 5 },
      ],
      rounds: 3,
      warmUpSeconds: 5,
    },
  ];
}

export function fullPlan(): PlannedGroup[] {
  return [
    {
      contenders: ['service', 'floor', 'naive'],
      loads: [
        { connections: PEAK_CONNECTIONS, seconds: 6 },
        { connections: 16, seconds: 6 },
        { connections: 128, seconds: 6 },
        { firstCalls: 2_000 },
        { perSecond: 100, seconds: 20 },
        { perSecond: 'half', seconds: 12 },
      ],
      rounds: 4,
      warmUpSeconds: 15,
    },
    {
      contenders: ['service', 'without-audit', 'reuse', 'two-replicas', 'three-replicas'],
      loads: [{ connections: PEAK_CONNECTIONS, seconds: 6 }],
      rounds: 4,
      warmUpSeconds: 12,
      suffix: ', variants of the service',
    },
  ];
}

/** In tables and results. */
export function titleOf(load: PlannedLoad): string {
  if ('connections' in load) return `${load.connections} connections`;
  if ('firstCalls' in load) return 'first calls';
  return load.perSecond === 'half' ? 'half of its peak' : `${load.perSecond} a second`;
}

/** Roughly, for the progress bar. */
export function secondsOf({ contenders, loads, rounds, warmUpSeconds }: PlannedGroup): number {
  const startSeconds = 6;
  const round = loads.reduce((sum, load) => sum + loadSeconds(load), 0);
  return contenders.length * (startSeconds + warmUpSeconds + rounds * round);
}

/** Roughly. */
export function loadSeconds(load: PlannedLoad): number {
  if ('firstCalls' in load) return load.firstCalls / 800;
  return 'perSecond' in load ? load.seconds + 1.2 : load.seconds + 0.2;
}
