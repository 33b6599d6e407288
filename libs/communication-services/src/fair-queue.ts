/** Those who wait for one client application of one tenant: the ones with precedence, then the rest. */
interface Line<T> {
  readonly first: Set<T>;
  readonly rest: Set<T>;
}

/** Who waits, and whether with precedence over the others of the same tenant and client application. */
export interface Place {
  readonly tenant: string;
  readonly clientApp: string;
  readonly hasPrecedence: boolean;
}

/**
 * Serves tenants in turn, in each tenant its client applications in turn, and each of those first
 * come, first served. All calls cost the same, so that turns of one call are fair shares.
 */
export class FairQueue<T extends Place> {
  readonly #tenants = new Map<string, Map<string, Line<T>>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    const { tenant, clientApp, hasPrecedence } = item;
    const apps = this.#tenants.get(tenant) ?? new Map<string, Line<T>>();
    const line = apps.get(clientApp) ?? { first: new Set<T>(), rest: new Set<T>() };
    (hasPrecedence ? line.first : line.rest).add(item);
    this.#tenants.set(tenant, apps.set(clientApp, line));
    this.#size += 1;
  }

  /** @returns whether it was there */
  remove(item: T): boolean {
    const { tenant, clientApp } = item;
    const apps = this.#tenants.get(tenant);
    const line = apps?.get(clientApp);
    if (!apps || !line) return false;
    if (!line.first.delete(item) && !line.rest.delete(item)) return false;
    this.#size -= 1;
    if (line.first.size + line.rest.size === 0) apps.delete(clientApp);
    if (apps.size === 0) this.#tenants.delete(tenant);
    return true;
  }

  /** Takes out the one whose turn it is. */
  shift(): T | undefined {
    const item = this.#next();
    if (!item) return undefined;
    const apps = this.#tenants.get(item.tenant);
    this.remove(item);
    toTheEnd(this.#tenants, item.tenant);
    if (apps) toTheEnd(apps, item.clientApp);
    return item;
  }

  /** Takes out all. */
  drain(): T[] {
    const all: T[] = [];
    for (let item = this.shift(); item; item = this.shift()) all.push(item);
    return all;
  }

  #next(): T | undefined {
    const [apps] = this.#tenants.values();
    const [line] = apps?.values() ?? [];
    const [item] = line?.first ?? [];
    if (item) return item;
    const [other] = line?.rest ?? [];
    return other;
  }
}

/** A map gives its entries in the order in which they were put in. */
function toTheEnd<V>(turns: Map<string, V>, key: string): void {
  const value = turns.get(key);
  if (value === undefined) return;
  turns.delete(key);
  turns.set(key, value);
}
