import { setTimeout as delay } from 'node:timers/promises';

const INTERVAL_MS = 20;

/**
 * Waits for a condition. For campaigns and benchmarks; specs use `expect.poll`, which shows the
 * last value when it fails.
 *
 * @param what names the condition in the error, such as `the api is ready`
 * @throws when the condition is not true within the timeout
 */
export async function until(
  what: string,
  timeoutMs: number,
  isTrue: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`timeout after ${timeoutMs} ms: ${what}`);
    await delay(INTERVAL_MS);
  }
}
