/** What all replicas know together of one resource's operation. Instants are the database's, in ms. */
export interface LedgerState {
  /** Calls that are over: when the window lets go of how many. Sorted. */
  readonly used: readonly (readonly [freeAt: number, count: number])[];
  /** Calls that a replica may have made by now. */
  readonly leases: readonly Lease[];
  /** What waits at each replica. */
  readonly holders: Readonly<Record<string, Demand & { readonly seenAt: number }>>;
  /** The share of the limit that is used, less than 1 after ACS refused calls. */
  readonly factor: number;
  readonly factorAt: number;
  /** No call is granted before. */
  readonly blockedUntil: number;
}

interface Lease {
  readonly id: string;
  readonly count: number;
  readonly grantedAt: number;
  /** When the window has let go of them even if their holder died and made the calls last thing. */
  readonly freeAt: number;
}

/** Calls that want to be made at one replica. */
export interface Demand {
  readonly interactive: number;
  readonly bulk: number;
  /** Callers who were told to come back. */
  readonly promised: number;
}

/** What one replica reports and wants. */
export interface LedgerRequest {
  readonly holder: string;
  readonly leaseId: string;
  readonly demand: Demand;
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
export interface LedgerTerms {
  readonly limit: number;
  readonly windowMs: number;
  /** A granted call must be begun within. */
  readonly leaseMs: number;
  /** A call that was begun is over within. */
  readonly callMs: number;
}

export interface LedgerAnswer {
  readonly granted: number;
  /** What is free still. */
  readonly free: number;
  /** When how many calls get free, in ms from now, as far as is known. Sorted. */
  readonly frees: readonly (readonly [inMs: number, count: number])[];
  /** The limit as it is applied now. */
  readonly limit: number;
  readonly blockedForMs: number;
  /** What waits at the other replicas. */
  readonly others: Demand;
}

export const emptyLedger: LedgerState = {
  used: [],
  leases: [],
  holders: {},
  factor: 1,
  factorAt: 0,
  blockedUntil: 0,
};

/** Finished calls are kept in so many time slots a window. */
const SLOTS = 250;
/** One grant gives at most this part of the limit, so that all replicas get their turn. */
const GRANTS = 20;
/** This part of each window is kept from bulk work. */
const INTERACTIVE_SHARE = 0.2;
const SMALLEST_FACTOR = 0.1;
/** The limit grows back by this part of itself in one window. */
const REGROWTH = 0.1;

/** The time from the end of a call until the next may take its place; longer than the window by a hair. */
export function reuseMs(windowMs: number): number {
  return windowMs * 1.001 + 10;
}

/**
 * One replica's turn.
 *
 * A call counts from its grant until one window after its end. It reaches ACS somewhere in between,
 * so that no stretch of one window, wherever it is laid, sees more calls than the limit.
 */
export function takeTurn(
  state: LedgerState,
  request: LedgerRequest,
  terms: LedgerTerms & { readonly now: number },
): { readonly state: LedgerState; readonly answer: LedgerAnswer } {
  const { now, windowMs } = terms;
  const { used, leases } = settled(state, request, terms);
  const pressure = pressed(state, request, terms);
  const limit = Math.max(1, Math.floor(terms.limit * pressure.factor));
  const inUse = sum(used.map(([, count]) => count)) + sum(leases.map(({ count }) => count));
  const free = now < pressure.blockedUntil ? 0 : Math.max(0, limit - inUse);
  const isRecent = ({ seenAt }: { seenAt: number }): boolean =>
    seenAt > now - Math.max(1000, windowMs / 10);
  const others = Object.entries(state.holders).filter(
    ([holder, demand]) => holder !== request.holder && isRecent(demand),
  );
  const otherDemand = total(others.map(([, demand]) => demand));
  const granted = grant(request, { free, limit, others: otherDemand });
  const lease = {
    id: request.leaseId,
    count: granted,
    grantedAt: now,
    freeAt: now + terms.leaseMs + terms.callMs + reuseMs(windowMs),
  };
  const after: LedgerState = {
    ...pressure,
    used,
    leases: granted > 0 ? [...leases, lease] : leases,
    holders: Object.fromEntries([...others, [request.holder, { ...request.demand, seenAt: now }]]),
  };
  const blockedForMs = Math.max(0, pressure.blockedUntil - now);
  const frees = freesOf(after, now, windowMs);
  return {
    state: after,
    answer: { granted, free: free - granted, frees, limit, blockedForMs, others: otherDemand },
  };
}

/** Takes the report in, and drops what the window has let go of. */
function settled(
  state: LedgerState,
  { finished, returned }: LedgerRequest,
  { now, windowMs }: { now: number; windowMs: number },
): { used: [number, number][]; leases: Lease[] } {
  const slotMs = windowMs / SLOTS;
  const used = new Map(state.used.filter(([freeAt]) => freeAt > now));
  const left = new Map(
    state.leases.filter(({ freeAt }) => freeAt > now).map((one) => [one.id, one]),
  );
  const takeFrom = (id: string, count: number): number => {
    const lease = left.get(id);
    // A lease that ran out was counted to its very end already.
    if (!lease) return 0;
    const taken = Math.min(count, lease.count);
    left.set(id, { ...lease, count: lease.count - taken });
    return taken;
  };
  for (const { lease, ageMs, count } of finished) {
    const freeAt = Math.ceil((now - ageMs + reuseMs(windowMs)) / slotMs) * slotMs;
    const taken = takeFrom(lease, count);
    if (taken > 0 && freeAt > now) used.set(freeAt, (used.get(freeAt) ?? 0) + taken);
  }
  for (const { lease, count } of returned) takeFrom(lease, count);
  return {
    used: [...used].sort(([a], [b]) => a - b),
    leases: [...left.values()].filter(({ count }) => count > 0),
  };
}

/** An ACS that refuses calls halves the limit at once, at most once in a tenth of the window. */
function pressed(
  { factor, factorAt, blockedUntil }: LedgerState,
  { throttled }: LedgerRequest,
  { now, windowMs }: { now: number; windowMs: number },
): Pick<LedgerState, 'factor' | 'factorAt' | 'blockedUntil'> {
  const grown = Math.min(1, factor + (REGROWTH * Math.max(0, now - factorAt)) / windowMs);
  if (!throttled) return { factor: grown, factorAt: now, blockedUntil };
  const pauseMs = Math.max(windowMs / 10, throttled.retryAfterMs ?? 0);
  const isSame = now < blockedUntil;
  return {
    factor: isSame ? grown : Math.max(SMALLEST_FACTOR, grown / 2),
    factorAt: now,
    blockedUntil: Math.max(blockedUntil, now + pauseMs),
  };
}

function grant(
  { demand, reserve }: LedgerRequest,
  { free, limit, others }: { free: number; limit: number; others: Demand },
): number {
  const slice = Math.max(1, Math.ceil(limit / GRANTS));
  const share = (mine: number, theirs: number, available: number): number =>
    mine === 0 ? 0 : Math.min(mine, slice, Math.ceil((available * mine) / (mine + theirs)));
  const interactive = share(demand.interactive, others.interactive, free);
  const forBulk = Math.max(0, Math.floor(free - interactive - limit * INTERACTIVE_SHARE));
  const bulk = share(demand.bulk, others.bulk, forBulk);
  const ahead = free - interactive - bulk > limit / 2 ? reserve : 0;
  return Math.min(free, interactive + bulk + ahead);
}

function freesOf(state: LedgerState, now: number, windowMs: number): [number, number][] {
  const expected = state.leases.map(({ grantedAt, count }): [number, number] => [
    Math.max(0, grantedAt + reuseMs(windowMs) - now),
    count,
  ]);
  const known = state.used.map(([freeAt, count]): [number, number] => [freeAt - now, count]);
  return [...known, ...expected].sort(([a], [b]) => a - b);
}

function total(demands: readonly Demand[]): Demand {
  return {
    interactive: sum(demands.map(({ interactive }) => interactive)),
    bulk: sum(demands.map(({ bulk }) => bulk)),
    promised: sum(demands.map(({ promised }) => promised)),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}
