import type { Clock } from './clock.js';

/** Overdue work, each piece on one ACS resource. */
export interface WorkByResource {
  /** @returns the names of the resources that have some */
  readonly find: () => Promise<readonly string[]>;
  /** Does a batch of it on one resource. @returns whether there may be more that can be done now */
  readonly carryOut: (resource: string) => Promise<boolean>;
}

/** How long a resource rests on which nothing can be done now. */
const REST_MS = 5_000;

/**
 * Works on each resource at the same time, in batches, so that one that fails, is slow or does not answer
 * keeps no other waiting. Ends when nothing can be done now on any of them.
 *
 * @param signal ends it between two batches of a resource
 * @throws the first failure, at the end: what fails stops nothing on other resources
 */
export async function workByResource(
  { find, carryOut }: WorkByResource,
  clock: Clock,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const working = new Map<string, Promise<void>>();
  const restsUntil = new Map<string, number>();
  const failures: unknown[] = [];

  const workOn = async (resource: string): Promise<void> => {
    try {
      for (let isMore = true; isMore && !signal.aborted;) isMore = await carryOut(resource);
    } catch (error) {
      failures.push(error);
    }
    restsUntil.set(resource, clock.monotonicNow() + REST_MS);
  };

  const begin = async (): Promise<void> => {
    if (signal.aborted) return;
    for (const resource of await find()) {
      const isResting = clock.monotonicNow() < (restsUntil.get(resource) ?? -Infinity);
      if (isResting || working.has(resource)) continue;
      const work = workOn(resource).finally(() => working.delete(resource));
      working.set(resource, work);
    }
  };

  do {
    await begin().catch((error: unknown) => failures.push(error));
    await firstOf(working.values(), clock, signal);
  } while (working.size > 0);
  if (failures.length > 0) throw failures[0];
}

/** Waits until one of them has ended, for as long as a resource rests at most. */
async function firstOf(
  working: Iterable<Promise<void>>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const all = [...working];
  if (all.length === 0) return;
  if (signal.aborted) return void (await Promise.all(all));
  const over = new AbortController();
  const pause = clock.sleep(REST_MS, AbortSignal.any([signal, over.signal]));
  await Promise.race([pause.catch(() => undefined), ...all]);
  over.abort();
}
