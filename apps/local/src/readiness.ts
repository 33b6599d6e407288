import { setTimeout as delay } from 'node:timers/promises';

const PAUSE_MS = 200;
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * Waits until the api is ready: it listens before it has loaded keys and secrets.
 *
 * @param waitMs at most
 * @returns the parts that are still not ready; none when the api is
 */
export async function partsNotReady(apiUrl: string, waitMs = 30_000): Promise<readonly string[]> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const parts = await readParts(apiUrl);
    if (parts.length === 0 || performance.now() > deadline) return parts;
    await delay(PAUSE_MS);
  }
}

async function readParts(apiUrl: string): Promise<readonly string[]> {
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const answer = await fetch(`${apiUrl}/health/ready`, { signal });
    if (answer.ok) return [];
    const { parts } = (await answer.json()) as { parts: Readonly<Record<string, string>> }; // the api's own answer
    return Object.keys(parts).filter((name) => parts[name] === 'not ready');
  } catch {
    return ['api'];
  }
}
