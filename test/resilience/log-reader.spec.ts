import { expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';
import { newPerson, requestToken } from '../support/tokens-api.js';

const service = runningService({ environment: { LOG_LEVEL: 'info' } });

/** Their lines are several times as long as a pipe holds. */
const REQUESTS = 2_000;

it('answers while nobody reads its log, and writes the lines when they are read again', async () => {
  const { apis, logLines, url } = service();
  const { bearer } = await newPerson(service());
  await requestToken(service(), { oid: '', bearer });
  const output = apis[0]?.process.stdout;
  output?.pause();
  const before = linesOf(logLines);
  for (let nth = 0; nth < REQUESTS; nth += 50) {
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const headers = { authorization: `Bearer ${bearer}` };
        return (await fetch(`${url}/v1/me/identity`, { headers })).status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
  }
  expect(linesOf(logLines) - before, 'the log is not read').toBeLessThan(REQUESTS);
  output?.resume();
  await expect
    .poll(() => linesOf(logLines) - before, { timeout: 10_000 })
    .toBeGreaterThanOrEqual(REQUESTS);
});

function linesOf(logLines: readonly string[]): number {
  return logLines.filter((line) => line.includes('/v1/me/identity')).length;
}
