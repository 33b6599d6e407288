import { describe, expect, it, onTestFinished } from 'vitest';
import { acsIdentity } from '../support/acs-identity.js';
import { call } from '../support/call.js';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { runningService } from '../support/running-service.js';
import { issue, newPerson, requestToken } from '../support/tokens-api.js';

const HOUR_MS = 3_600_000;
/** Of the log of a test service. */
const LOG_ORIGIN = 'localhost/acs-identity';

const service = runningService();

/** A Node option that moves the wall clock of a process, as an unsynchronised machine does. */
function wallClockOff(byMs: number): string {
  const code = `const now=Date.now;Date.now=()=>now()+(${byMs});
    globalThis.Date=class extends Date{constructor(...a){a.length?super(...a):super(Date.now())}}`;
  return `--import=data:text/javascript,${encodeURIComponent(code)}`;
}

async function addSkewedApi(byMs: number): Promise<string> {
  const api = await service().addApi({ NODE_OPTIONS: wallClockOff(byMs) });
  onTestFinished(async () => api.stop());
  return api.url;
}

/** How far the newest time of the log is ahead of the database's clock. */
async function newestTimeAheadMs(): Promise<number> {
  const [row] = await service().rows<{ ms: number }>(
    'SELECT (extract(epoch FROM max(recorded_at) - clock_timestamp()) * 1000)::float8 AS ms FROM audit_head',
  );
  return row?.ms ?? 0;
}

describe('a replica whose clock is off', () => {
  it.each([
    ['an hour ahead', HOUR_MS, 'ahead of'],
    ['an hour behind', -HOUR_MS, 'behind'],
    ['8 s ahead', 8_000, 'ahead of'],
    ['8 s behind', -8_000, 'behind'],
  ])(
    '%s: records nothing, moves no time of the log, and says so; callers get 503, never 401',
    async (_what, byMs, direction) => {
      const url = await addSkewedApi(byMs);
      await expect
        .poll(async () => (await call(url, 'get', '/health/ready')).body as unknown)
        .toMatchObject({ status: 'not ready', parts: { clock: 'not ready' } });
      const person = await newPerson(service());
      const answer = await requestToken(service(), person, {}, url);
      expect(answer.status).toBe(503);
      expect(answer.body.type).toMatch(/:audit-unavailable$/);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(
        service().logLines.some((line) => line.includes('not ready') && line.includes(direction)),
      ).toBe(true);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const [, seconds] = /^audit_clock_offset_seconds (\S+)$/m.exec(metrics) ?? [];
      expect(Math.abs(Number(seconds) * 1000 - byMs)).toBeLessThan(2_000);

      await issue(service(), await newPerson(service()));
      expect(await newestTimeAheadMs()).toBeLessThan(1_000);
      expect(Math.abs(await newestTimeAheadMs())).toBeLessThan(60_000);
      expect((await call(service().url, 'get', '/health/ready')).status).toBe(200);
    },
  );

  it.each([
    ['2 s ahead', 2_000],
    ['2 s behind', -2_000],
  ])('%s: within the tolerance, works', async (_what, byMs) => {
    const url = await addSkewedApi(byMs);
    await expect.poll(async () => (await call(url, 'get', '/health/ready')).status).toBe(200);
    await issue(service(), await newPerson(service()), {}, url);
  });
});

describe('acs-identity config check --connect', () => {
  it.each([
    [0, 0, /The clock of this machine is \d\.\d s (ahead of|behind) the database’s clock\.\n/],
    [
      HOUR_MS,
      1,
      /(3599|3600)\.\d s ahead of the database’s clock; AUDIT_CLOCK_TOLERANCE_MS allows 5000 ms/,
    ],
  ])('compares the clocks of a machine that is %i ms off', async (byMs, exitCode, text) => {
    const environment = {
      ...placeholderEnvironment,
      DATABASE_URL: service().database.serviceUrl,
      AUDIT_LOG_ORIGIN: LOG_ORIGIN,
      NODE_OPTIONS: wallClockOff(byMs),
    };
    const { code, stdout, stderr } = await acsIdentity(['config', 'check', '--connect'], {
      environment,
    });
    expect(stdout + stderr).toMatch(text);
    expect(code).toBe(exitCode);
  });

  it.each([
    [
      'is refused',
      {},
      1,
      `the log has the name ${LOG_ORIGIN}, but AUDIT_LOG_ORIGIN is example.com/audit`,
    ],
    [
      'is to replace it',
      { AUDIT_LOG_PREVIOUS_ORIGIN: LOG_ORIGIN },
      0,
      `The log has the name ${LOG_ORIGIN}; its next entry continues it as example.com/audit.`,
    ],
  ])('names the log when another name %s', async (_how, more, exitCode, text) => {
    const DATABASE_URL = service().database.serviceUrl;
    const environment = { ...placeholderEnvironment, DATABASE_URL, ...more };
    const { code, stdout, stderr } = await acsIdentity(['config', 'check', '--connect'], {
      environment,
    });
    expect(stdout + stderr).toContain(text);
    expect(code).toBe(exitCode);
  });

  it('names the exact reason when the database can’t be used', async () => {
    const address = new URL(service().database.serviceUrl);
    address.password = 'wrong';
    const environment = { ...placeholderEnvironment, DATABASE_URL: address.href };
    const { code, stderr } = await acsIdentity(['config', 'check', '--connect'], { environment });
    expect(code).toBe(1);
    expect(stderr).toContain('the password is refused (28P01)');
    expect(stderr).not.toContain('wrong');
  });
});
