import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
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

/** A Node option that moves the wall clock of a process by the milliseconds that stand in a file. */
function wallClockFrom(file: string): string {
  const code = `import { readFileSync } from 'node:fs'; const now=Date.now; let by=0;
    const read=()=>{by=Number(readFileSync(${JSON.stringify(file)},'utf8'))};
    read(); setInterval(read,20).unref(); Date.now=()=>now()+by;
    globalThis.Date=class extends Date{constructor(...a){a.length?super(...a):super(Date.now())}}`;
  return `--import=data:text/javascript,${encodeURIComponent(code)}`;
}

interface AdjustableReplica {
  readonly url: string;
  /** Moves its clock. Resolves when the replica knows that. */
  set(byMs: number): Promise<void>;
}

/** A replica that starts with its wall clock off. */
async function startAdjustable(startsOffByMs: number): Promise<AdjustableReplica> {
  const file = join(folder, `milliseconds-${startsOffByMs}`);
  const write = (byMs: number): void => {
    writeFileSync(`${file}.new`, String(byMs));
    renameSync(`${file}.new`, file);
  };
  write(startsOffByMs);
  const { url } = await service().addApi({ NODE_OPTIONS: wallClockFrom(file) });
  const set = async (byMs: number): Promise<void> => {
    write(byMs);
    await expect
      .poll(async () => (await call(url, 'get', '/health/ready')).status)
      .toBe(Math.abs(byMs) < 5_000 ? 200 : 503);
  };
  return { url, set };
}

let folder = '';
/** Replicas whose clocks were an hour ahead, and an hour behind, when they started. */
let started: Record<'ahead' | 'behind', AdjustableReplica>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clock-skew-spec-'));
  started = {
    ahead: await startAdjustable(HOUR_MS),
    behind: await startAdjustable(-HOUR_MS),
  };
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** How far the newest time of the log is ahead of the database's clock. */
async function newestTimeAheadMs(): Promise<number> {
  const [row] = await service().rows<{ ms: number }>(
    'SELECT (extract(epoch FROM max(recorded_at) - clock_timestamp()) * 1000)::float8 AS ms FROM audit_head',
  );
  return row?.ms ?? 0;
}

describe('a replica whose clock is off', () => {
  afterEach(async () => {
    for (const { set } of Object.values(started)) await set(0);
  });

  /** The offset that the replica's metric has. */
  async function measuredMs(url: string): Promise<number> {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const [, seconds] = /^audit_clock_offset_seconds (\S+)$/m.exec(metrics) ?? [];
    return Number(seconds) * 1000;
  }

  it.each([
    ['an hour ahead', HOUR_MS, 'ahead'],
    ['an hour behind', -HOUR_MS, 'behind'],
    ['8 s ahead', 8_000, 'ahead'],
    ['8 s behind', -8_000, 'behind'],
  ] as const)(
    '%s: records nothing, moves no time of the log, and says so; callers get 503, never 401',
    async (_what, byMs, direction) => {
      const { url, set } = started[direction];
      await set(byMs);
      await expect
        .poll(async () => (await call(url, 'get', '/health/ready')).body as unknown)
        .toMatchObject({ status: 'not ready', parts: { clock: 'not ready' } });
      const person = await newPerson(service());
      const answer = await requestToken(service(), person, {}, url);
      expect(answer.status).toBe(503);
      expect(answer.body.type).toMatch(/:audit-unavailable$/);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      const seconds = Math.floor(Math.abs(byMs) / 1000);
      const reason = new RegExp(`clock is (${seconds - 1}|${seconds})\\.\\d s ${direction}`);
      await expect
        .poll(() => service().logLines.filter((line) => line.includes('not ready')))
        .toContainEqual(expect.stringMatching(reason));
      await expect.poll(async () => Math.abs((await measuredMs(url)) - byMs)).toBeLessThan(2_000);

      await issue(service(), await newPerson(service()));
      expect(await newestTimeAheadMs()).toBeLessThan(1_000);
      expect(Math.abs(await newestTimeAheadMs())).toBeLessThan(60_000);
      expect((await call(service().url, 'get', '/health/ready')).status).toBe(200);
    },
  );

  it.each([
    ['2 s ahead', 2_000, 'ahead'],
    ['2 s behind', -2_000, 'behind'],
  ] as const)('%s: within the tolerance, works', async (_what, byMs, direction) => {
    const { url, set } = started[direction];
    await set(byMs);
    await expect.poll(async () => Math.abs((await measuredMs(url)) - byMs)).toBeLessThan(1_000);
    expect((await call(url, 'get', '/health/ready')).status).toBe(200);
    await issue(service(), await newPerson(service()), {}, url);
  });
});

describe('a replica whose clock was off and is right again', () => {
  it.each([
    ['an hour ahead', HOUR_MS, 'ahead'],
    ['an hour behind', -HOUR_MS, 'behind'],
  ] as const)(
    '%s: serves everybody at once, with new keys and credentials too',
    async (_what, byMs, direction) => {
      const { url, set } = started[direction];
      const { control } = service().emulator;
      const newPersonIsServed = async (): Promise<void> => {
        await issue(service(), await newPerson(service()), {}, url);
      };
      for (let time = 0; time < 2; time += 1) {
        await set(byMs);
        await control.rotateKeys();
        await set(0);
        await newPersonIsServed();
        const { connectionString = '' } = await control.regenerateAcsKey();
        await control.setSecret({ name: 'acs-connection-string', value: connectionString });
        await newPersonIsServed();
      }
      const person = await newPerson(service());
      const { identity } = await issue(service(), person, {}, url);
      const path = `/v1/identities/${identity.id}`;
      const [ada, grace] = [await service().token('ada'), await service().token('grace')];
      const calls = [
        ['get', '/v1/me/identity', person.bearer, undefined, 200],
        ['post', '/v1/me/tokens/revoke', person.bearer, undefined, 202],
        ['post', '/v1/me/tokens', person.bearer, {}, 200],
        ['patch', path, ada, { status: 'suspended' }, 200],
        ['post', '/v1/me/tokens', person.bearer, {}, 403],
        ['patch', path, ada, { status: 'active' }, 200],
        ['get', `/v1/audit/entries?identityId=${identity.id}`, grace, undefined, 200],
        ['delete', path, ada, undefined, 200],
      ] as const;
      for (const [method, target, token, body, expected] of calls) {
        const { status, text } = await call(url, method, target, { token, body });
        expect(status, `${method} ${target}: ${text}`).toBe(expected);
      }
    },
  );

  it('has kept no work from the other replicas meanwhile', async () => {
    const person = await newPerson(service());
    const { token } = await issue(service(), person);
    const { set } = started.ahead;
    await set(HOUR_MS);
    const ada = await service().token('ada');
    const start = { token: ada, body: { everyone: true, reason: 'a drill' } };
    const { status, body } = await call(service().url, 'post', '/v1/revocations', start);
    expect(status).toBe(202);
    const path = `/v1/revocations/${String(body.id)}`;
    const progress = async (): Promise<unknown> =>
      (await call(service().url, 'get', path, { token: ada })).body as unknown;
    await expect.poll(progress, { timeout: 30_000 }).toMatchObject({ status: 'completed' });
    expect((await service().emulator.control.validateAcsToken(token)).valid).toBe(false);
    await issue(service(), person);
    await set(0);
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
