import {
  type FinishedTag,
  FairQueue,
  type FlowName,
  type FairQueueState,
} from '../queue/fair-queue.js';
import type { ReplicaState, Lease, WindowState } from './window-state.js';
import {
  releasesOf,
  idleTime,
  type CapacityForecast,
  REPORT_MS,
  recycleMs,
} from '../forecast/capacity-forecast.js';

/** Somebody who comes and gets a turn: a new one, or the old one who was told to come back. */
export interface NewArrival extends FlowName {
  /** By which somebody who comes back is known. */
  readonly key?: string;
}

/** Somebody was told to come back: in how long, and for which turn. */
export interface Reservation {
  readonly key: string;
  readonly turn: number;
  readonly inMs: number;
}

/** What one replica reports and wants. */
export interface ReplicaReport {
  readonly holder: string;
  readonly leaseId: string;
  readonly newcomers: readonly NewArrival[];
  /** The turns of those who have waited longer, the first ones, sorted. */
  readonly waiting: readonly number[];
  readonly bulk: number;
  readonly ended: readonly FinishedTag[];
  readonly told: readonly Reservation[];
  /** Calls that it would like to hold beyond the waiting ones. */
  readonly reserve: number;
  /** Calls that are over, with the time since. */
  readonly finished: readonly {
    readonly lease: string;
    readonly ageMs: number;
    readonly count: number;
  }[];
  /** Calls that were not made and never will be. */
  readonly returned: readonly { readonly lease: string; readonly count: number }[];
  /** ACS refused a call for its limits since the last report. */
  readonly throttled?: { readonly retryAfterMs?: number };
}

/** The documented limit, and how long things take at most. */
export interface WindowLimits {
  readonly limit: number;
  readonly windowMs: number;
  /** A granted call must be begun within. */
  readonly leaseMs: number;
  /** A call that was begun is over within. */
  readonly callMs: number;
}

export interface Allocation extends CapacityForecast {
  readonly granted: number;
  /** Of the newcomers, in their order. */
  readonly turns: readonly { readonly turn: number; readonly isDue: boolean }[];
  readonly line: FairQueueState;
  /** How many in the line are being served already. */
  readonly underWay: number;
}

/** Somebody who comes so much later than told is a stranger again. */
export const RESERVATION_GRACE_MS = 30_000;
/** Finished calls are kept in so many time slots a window. */
const SLOTS = 250;
/** A replica names at most so many of those who wait; more are not granted at once either. */
export const MAX_REPORTED = 100;
/** This part of each window is kept from bulk work. */
const INTERACTIVE_SHARE = 0.2;
/**
 * A cycle is thought to be longer than the window by this part of it at most. Times of a busy moment
 * say little about later; who comes too late leaves a place empty, who comes too early just waits.
 */
const MAX_CYCLE_DIVISOR = 15;
const MIN_FACTOR = 0.1;
/** The limit grows back by this part of itself in one window. */
const REGROWTH = 0.1;
/**
 * One replica's turn.
 *
 * A call counts from its grant until one window after its end. It reaches ACS somewhere in between,
 * so that no stretch of one window, wherever it is laid, sees more calls than the limit. What is free
 * goes to the lowest turns of all who wait; places of other replicas' lower turns are left to them.
 *
 * @param known the appointments of those newcomers who were told to come back
 */
export function reconcile(
  state: WindowState,
  request: ReplicaReport,
  terms: WindowLimits & { readonly now: number; readonly known: ReadonlyMap<string, Reservation> },
): { readonly state: WindowState; readonly answer: Allocation } {
  const { now, windowMs, known } = terms;
  const { used, leases, heldMs } = settled(state, request, terms);
  const pressure = pressed(state, request, terms);
  const limit = Math.max(1, Math.floor(terms.limit * pressure.factor));
  const inUse = sum(used.map(([, count]) => count)) + sum(leases.map(({ count }) => count));
  const free = now < pressure.blockedUntil ? 0 : Math.max(0, limit - inUse);

  const line = new FairQueue(state.line);
  line.passTime(now, windowMs);
  for (const ended of request.ended) line.end(ended, 2 + terms.limit / 4);
  const turns = request.newcomers.map((newcomer) => {
    const appointment = newcomer.key === undefined ? undefined : known.get(newcomer.key);
    if (!appointment) return { turn: line.enter(newcomer), isDue: false };
    return { turn: appointment.turn, isDue: appointment.inMs < windowMs / 5 };
  });
  const waiting = [...request.waiting, ...turns.map(({ turn }) => turn)].sort((a, b) => a - b);

  const others = Object.entries(state.holders).filter(
    ([holder, { seenAt }]) => holder !== request.holder && seenAt > now - REPORT_MS,
  );
  const theirs = others.map(([, holder]) => holder);
  const granted = grant({ ...request, waiting }, { free, limit, others: theirs });
  const lease = {
    id: request.leaseId,
    count: granted.interactive + granted.rest,
    grantedAt: now,
    freeAt: now + terms.leaseMs + terms.callMs + recycleMs(windowMs),
  };
  const holder: ReplicaState = {
    turns: waiting.slice(granted.interactive, granted.interactive + MAX_REPORTED),
    bulk: request.bulk,
    granted: granted.interactive,
    seenAt: now,
  };
  const after: WindowState = {
    ...pressure,
    used,
    leases: lease.count > 0 ? [...leases, lease] : leases,
    holders: Object.fromEntries([...others, [request.holder, holder]]),
    line: line.state,
    heldMs,
    idleMs: idleTime(state, granted.interactive, { ...terms, limit }),
    changedAt: now,
    expectedUntil: Math.max(
      state.expectedUntil + RESERVATION_GRACE_MS > now ? state.expectedUntil : 0,
      ...request.told.map(({ inMs }) => now + inMs),
    ),
  };
  return {
    state: after,
    answer: {
      granted: lease.count,
      turns,
      line: after.line,
      underWay: sum(theirs.map((one) => one.granted)) + granted.interactive,
      heldMs,
      waiting: sum([...theirs, holder].map((one) => one.turns.length)),
      free: free - lease.count,
      frees: releasesOf(after, { now, windowMs, over: Math.max(0, inUse - limit) }),
      blockedForMs: Math.max(0, pressure.blockedUntil - now),
      cycleMs: recycleMs(windowMs) + Math.min(heldMs + after.idleMs, windowMs / MAX_CYCLE_DIVISOR),
    },
  };
}

/** Takes the report in, and drops what the window has let go of. */
function settled(
  state: WindowState,
  { finished, returned }: ReplicaReport,
  { now, windowMs, limit }: { now: number; windowMs: number; limit: number },
): { used: [number, number][]; leases: Lease[]; heldMs: number } {
  const slotMs = windowMs / SLOTS;
  const used = new Map(state.used.filter(([freeAt]) => freeAt > now));
  const left = new Map(
    state.leases.filter(({ freeAt }) => freeAt > now).map((one) => [one.id, one]),
  );
  let { heldMs } = state;
  const takeFrom = (id: string, count: number): number => {
    const lease = left.get(id);
    // A lease that ran out was counted to its very end already.
    if (!lease) return 0;
    const taken = Math.min(count, lease.count);
    left.set(id, { ...lease, count: lease.count - taken });
    return taken;
  };
  for (const { lease, ageMs, count } of finished) {
    const grantedAt = left.get(lease)?.grantedAt ?? now;
    const freeAt = Math.ceil((now - ageMs + recycleMs(windowMs)) / slotMs) * slotMs;
    const taken = takeFrom(lease, count);
    if (taken > 0 && freeAt > now) used.set(freeAt, (used.get(freeAt) ?? 0) + taken);
    const part = Math.min(1, taken / Math.max(20, limit / 2));
    heldMs += (Math.max(0, now - ageMs - grantedAt) - heldMs) * part;
  }
  for (const { lease, count } of returned) takeFrom(lease, count);
  return {
    used: [...used].sort(([a], [b]) => a - b),
    leases: [...left.values()].filter(({ count }) => count > 0),
    heldMs,
  };
}

/** An ACS that refuses calls halves the limit at once, at most once in a tenth of the window. */
function pressed(
  { factor, factorAt, blockedUntil }: WindowState,
  { throttled }: ReplicaReport,
  { now, windowMs }: { now: number; windowMs: number },
): Pick<WindowState, 'factor' | 'factorAt' | 'blockedUntil'> {
  const grown = Math.min(1, factor + (REGROWTH * Math.max(0, now - factorAt)) / windowMs);
  if (!throttled) return { factor: grown, factorAt: now, blockedUntil };
  const pauseMs = Math.max(windowMs / 10, throttled.retryAfterMs ?? 0);
  const isSame = now < blockedUntil;
  return {
    factor: isSame ? grown : Math.max(MIN_FACTOR, grown / 2),
    factorAt: now,
    blockedUntil: Math.max(blockedUntil, now + pauseMs),
  };
}

function grant(
  { waiting, bulk, reserve }: ReplicaReport,
  { free, limit, others }: { free: number; limit: number; others: readonly ReplicaState[] },
): { readonly interactive: number; readonly rest: number } {
  const theirs = others.flatMap(({ turns }) => turns).sort((a, b) => a - b);
  let interactive = 0;
  for (let before = 0; interactive < Math.min(waiting.length, MAX_REPORTED); interactive += 1) {
    const turn = waiting[interactive] ?? 0;
    while (before < theirs.length && (theirs[before] ?? turn) < turn) before += 1;
    if (before + interactive >= free) break;
  }
  const unclaimed = Math.max(0, free - waiting.length - theirs.length);
  const forBulk = Math.max(0, Math.floor(unclaimed - limit * INTERACTIVE_SHARE));
  const otherBulk = sum(others.map((other) => other.bulk));
  const bulkShare = bulk === 0 ? 0 : Math.ceil((forBulk * bulk) / (bulk + otherBulk));
  const bulkGranted = Math.min(bulk, MAX_REPORTED, forBulk, bulkShare);
  const ahead = unclaimed - bulkGranted > limit / 2 ? reserve : 0;
  return { interactive, rest: bulkGranted + ahead };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}
