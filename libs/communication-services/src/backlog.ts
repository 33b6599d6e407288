/** What is known of one client application of one tenant. */
interface Flow {
  waiting: number;
  /** Of those waiting: how many may go on waiting. */
  admitted: number;
  /** When those who were told to come back will do so, the earliest first. */
  promises: number[];
}

interface FlowKey {
  readonly tenant: string;
  readonly clientApp: string;
}

/** Clients come back a little early or late. */
const TOLERANCE_MS = 1500;

/**
 * Who waits at this replica and who was told to come back, so that a newcomer can be told when its
 * turn comes. A client that comes back is not recognised: whoever comes for the same client
 * application at the promised time counts as the one who was told to.
 */
export class Backlog {
  readonly #tenants = new Map<string, Map<string, Flow>>();

  /** @param graceMs a promise that is not taken up for so long is forgotten */
  constructor(private readonly graceMs: number) {}

  /** How many are going to come back. */
  promised(now: number): number {
    let sum = 0;
    for (const apps of this.#tenants.values()) {
      for (const flow of apps.values()) sum += upcoming(flow, now);
    }
    return sum;
  }

  /** Somebody comes. @returns whether a promise was made for about now, which is taken up by this */
  arrives(key: FlowKey, now: number): boolean {
    const { promises } = this.#flow(key);
    const [earliest] = promises;
    if (earliest === undefined || earliest - TOLERANCE_MS > now) return false;
    promises.shift();
    return true;
  }

  waits(key: FlowKey): void {
    this.#flow(key).waiting += 1;
  }

  admits(key: FlowKey): void {
    this.#flow(key).admitted += 1;
  }

  leaves(key: FlowKey, wasAdmitted: boolean): void {
    const flow = this.#flow(key);
    flow.waiting -= 1;
    if (wasAdmitted) flow.admitted -= 1;
  }

  promise(key: FlowKey, dueAt: number): void {
    const { promises } = this.#flow(key);
    const at = promises.findLastIndex((earlier) => earlier <= dueAt);
    promises.splice(at + 1, 0, dueAt);
  }

  /** Forgets promises that nobody took up, and client applications that nobody waits for. */
  prune(now: number): void {
    for (const [tenant, apps] of this.#tenants) {
      for (const [clientApp, flow] of apps) {
        const kept = flow.promises.filter((dueAt) => dueAt + this.graceMs > now);
        flow.promises = kept;
        if (flow.waiting === 0 && kept.length === 0) apps.delete(clientApp);
      }
      if (apps.size === 0) this.#tenants.delete(tenant);
    }
  }

  /**
   * The turn of the next one who is not admitted yet, when tenants and client applications take turns.
   *
   * @param among only those who wait, or those as well who were told to come back
   * @returns 1 for the one whose turn comes first
   */
  turn(key: FlowKey, among: 'waiting' | 'all', now: number): number {
    const returning = (flow: Flow): number => (among === 'all' ? upcoming(flow, now) : 0);
    const length = (flow: Flow): number => flow.waiting + returning(flow);
    const own = this.#flow(key);
    const place = own.admitted + returning(own) + 1;
    const apps = this.#tenants.get(key.tenant) ?? new Map<string, Flow>();
    const placeInTenant = turnOf(apps, key.clientApp, place, length);
    return turnOf(this.#tenants, key.tenant, placeInTenant, (flows) => {
      let sum = 0;
      for (const flow of flows.values()) sum += length(flow);
      return sum;
    });
  }

  #flow({ tenant, clientApp }: FlowKey): Flow {
    const apps = this.#tenants.get(tenant) ?? new Map<string, Flow>();
    const flow = apps.get(clientApp) ?? { waiting: 0, admitted: 0, promises: [] };
    this.#tenants.set(tenant, apps.set(clientApp, flow));
    return flow;
  }
}

/** Those who are overdue came to another replica, most likely. */
function upcoming({ promises }: Flow, now: number): number {
  const first = promises.findIndex((dueAt) => dueAt > now);
  return first < 0 ? 0 : promises.length - first;
}

/** The turn of the one in a place of its own line, when all lines are served in turn. */
function turnOf<T>(
  lines: ReadonlyMap<string, T>,
  own: string,
  place: number,
  length: (line: T) => number,
): number {
  let turn = place;
  let isBefore = true;
  for (const [name, line] of lines) {
    if (name === own) isBefore = false;
    else turn += Math.min(length(line), isBefore ? place : place - 1);
  }
  return turn;
}
