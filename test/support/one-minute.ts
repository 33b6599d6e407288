const MINUTE_MS = 60_000;

/**
 * Resolves when the minute of the clock, by which the service counts requests for its limits, has this many
 * milliseconds left: at once, or with the next minute.
 */
export async function untilMinuteHas(neededMs: number): Promise<void> {
  const leftMs = MINUTE_MS - (Date.now() % MINUTE_MS);
  if (leftMs < neededMs) await new Promise((resolve) => setTimeout(resolve, leftMs));
}
