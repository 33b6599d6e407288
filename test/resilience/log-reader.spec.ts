import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { newPerson, requestToken } from '../support/tokens-api.js';

const service = runningService({ environment: { LOG_LEVEL: 'info' } });

/** Their lines are several times as long as a pipe holds. */
const REQUESTS = 500;

/** Requests whose lines nobody reads. */
async function fillLog(url: string): Promise<void> {
  const { bearer } = await newPerson(service());
  await requestToken(service(), { oid: '', bearer });
  for (let nth = 0; nth < REQUESTS; nth += 50) {
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const headers = { authorization: `Bearer ${bearer}` };
        return (await fetch(`${url}/v1/me/identity`, { headers })).status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
  }
}

it('answers while nobody reads its log, and writes the lines when they are read again', async () => {
  const { apis, logLines, url } = service();
  const output = apis[0]?.process.stdout;
  output?.pause();
  const before = linesOf(logLines);
  await fillLog(url);
  expect(linesOf(logLines) - before, 'the log is not read').toBeLessThan(REQUESTS);
  output?.resume();
  await expect
    .poll(() => linesOf(logLines) - before, { timeout: 10_000 })
    .toBeGreaterThanOrEqual(REQUESTS);
});

it.each([
  ['once', 0],
  ['twice', 1],
] as const)('ends while nobody reads its log, at a signal that is sent %s', async (times, code) => {
  const { process: api, url } = await service().addApi({
    SHUTDOWN_DELAY_MS: times === 'once' ? '0' : '30000',
  });
  api.stdout?.pause();
  await fillLog(url);
  const exited = once(api, 'exit');
  api.kill('SIGTERM');
  if (times === 'twice') {
    await expect.poll(async () => (await fetch(`${url}/health/ready`)).status).toBe(503);
    await delay(1_500);
    api.kill('SIGTERM');
  }
  expect(await exited).toEqual([code, null]);
  api.stdout?.resume();
});

it('writes every line before the process exits', async () => {
  const program = `
    import { PinoLogger } from ${JSON.stringify(`${repositoryRoot}dist/libs/platform/src/index.js`)};
    const logger = new PinoLogger('info');
    for (let nth = 0; nth < 5_000; nth += 1) logger.info({ nth }, 'a line');
    await Promise.all([logger.end(), logger.end()]);
    process.exit(3);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program]);
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect(code).toBe(3);
  expect(output.trim().split('\n')).toHaveLength(5_000);
});

function linesOf(logLines: readonly string[]): number {
  return logLines.filter((line) => line.includes('/v1/me/identity')).length;
}
