import { setTimeout as delay } from 'node:timers/promises';

/** Waits for a condition. @throws when it does not come true in time */
export async function until(
  what: string,
  timeoutMs: number,
  isTrue: () => boolean | Promise<boolean>,
): Promise<void> {
  const endsAt = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > endsAt)
      throw new Error(`after ${timeoutMs / 1_000} s not yet: ${what}`);
    await delay(20);
  }
}
