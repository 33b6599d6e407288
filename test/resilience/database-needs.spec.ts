import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { checkDatabaseNeeds } from '../../apps/cli/src/actions/database-needs.js';
import { acsIdentity } from '../support/acs-identity.js';
import { call } from '../support/call.js';
import { FULL_DISK } from '../support/full-disk.js';
import { runningService } from '../support/running-service.js';

const service = runningService();

afterEach(() => {
  vi.unstubAllEnvs();
});

async function readinessOf(url: string) {
  const { status, body } = await call(url, 'get', '/health/ready');
  return { status, parts: (body as { parts: Record<string, string> }).parts };
}

/** The newest reason that the log gives for a part. */
function loggedReason(part: string): string | undefined {
  const line = service().logLines.findLast((one) => one.includes(`"part":"${part}"`));
  return line === undefined ? undefined : (JSON.parse(line) as { reason?: string }).reason;
}

const NEWEST = '(SELECT max(id) FROM schema_migration)';
const MIGRATION_MISSING = {
  begin: `CREATE TABLE kept AS SELECT * FROM schema_migration WHERE id = ${NEWEST};
    DELETE FROM schema_migration WHERE id = ${NEWEST}`,
  end: 'INSERT INTO schema_migration SELECT * FROM kept; DROP TABLE kept',
};
const BUDGET = 'acs_request_budget';

describe('a database that gives the service', () => {
  it('all that it needs: readiness, doctor and config check --connect say so', async () => {
    await expect.poll(async () => readinessOf(service().url)).toMatchObject({ status: 200 });
    const environment = service().environment as Record<string, string>; // spawn leaves out what is undefined
    const doctor = await acsIdentity(['doctor', '--timeout-seconds', '60'], { environment });
    expect(doctor.code, doctor.stdout).toBe(0);
    const check = await acsIdentity(['config', 'check', '--connect'], { environment });
    expect(check.code, check.stderr).toBe(0);
    expect(check.stdout).toContain('The database takes writes, has every migration');
  });

  // What doctor says of each: test/cli/doctor.spec.ts.
  it.each([
    {
      lack: 'no room to write',
      ...FULL_DISK,
      part: 'database',
      reason: 'its disk is full (53100)',
    },
    {
      lack: 'not every migration',
      ...MIGRATION_MISSING,
      part: 'schema',
      reason: 'missing',
    },
    {
      lack: 'not every privilege',
      begin: `REVOKE UPDATE ON ${BUDGET} FROM identity_service`,
      end: `GRANT UPDATE ON ${BUDGET} TO identity_service`,
      part: 'schema',
      reason: `of ${BUDGET}`,
    },
    {
      lack: 'not every function',
      begin: 'REVOKE EXECUTE ON FUNCTION audit_create_partitions(integer) FROM identity_service',
      end: 'GRANT EXECUTE ON FUNCTION audit_create_partitions(integer) TO identity_service',
      part: 'schema',
      reason: 'EXECUTE of audit_create_partitions(integer)',
    },
  ])('$lack: readiness and config check --connect say so', async ({ begin, end, part, reason }) => {
    await service().rows(begin);
    let isMended = false;
    const mend = async (): Promise<void> => {
      if (!isMended) await service().rows(end);
      isMended = true;
    };
    onTestFinished(mend);
    const { url } = service();
    const notReady = { status: 503, parts: { [part]: 'not ready' } };
    await expect.poll(async () => readinessOf(url)).toMatchObject(notReady);
    await expect.poll(() => loggedReason(part)).toContain(reason);
    vi.stubEnv('DATABASE_URL', service().database.serviceUrl);
    await expect(checkDatabaseNeeds()).rejects.toThrow(reason);
    await mend();
    await expect.poll(async () => readinessOf(url)).toMatchObject({ status: 200 });
  });

  it('not every migration: a process that a rolling update starts is not ready', async () => {
    await service().rows(MIGRATION_MISSING.begin);
    onTestFinished(async () => void (await service().rows(MIGRATION_MISSING.end)));
    const api = await service().addApi();
    onTestFinished(async () => api.stop());
    const notReady = { status: 503, parts: { schema: 'not ready' } };
    expect(await readinessOf(api.url)).toMatchObject(notReady);
  });
});
