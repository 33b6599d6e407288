import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { acsIdentity } from '../support/acs-identity.js';
import { call } from '../support/call.js';
import { FULL_DISK } from '../support/full-disk.js';
import { runningService } from '../support/running-service.js';

const service = runningService();

async function execute(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: service().database.superuserUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A process that knows nothing yet, as a rolling update starts it. */
async function newReplica(): Promise<string> {
  const api = await service().addApi();
  onTestFinished(async () => api.stop());
  return api.url;
}

async function readinessOf(url: string) {
  const { status, body } = await call(url, 'get', '/health/ready');
  return { status, parts: (body as { parts: Record<string, string> }).parts };
}

async function commandsSay() {
  const environment = service().environment as Record<string, string>; // spawn leaves out what is undefined
  const [doctor, check] = [
    await acsIdentity(['doctor', '--timeout-seconds', '60'], { environment }),
    await acsIdentity(['config', 'check', '--connect'], { environment }),
  ];
  return {
    doctor: { code: doctor.code, text: doctor.stdout },
    check: { code: check.code, text: check.stdout + check.stderr },
  };
}

const NEWEST = '(SELECT max(id) FROM schema_migration)';
const BUDGET = 'acs_request_budget';

describe('a database that gives the service', () => {
  it('all that it needs: readiness, doctor and config check --connect say so', async () => {
    const url = await newReplica();
    await expect.poll(async () => readinessOf(url)).toMatchObject({ status: 200 });
    const { doctor, check } = await commandsSay();
    expect(doctor, doctor.text).toMatchObject({ code: 0 });
    expect(check, check.text).toMatchObject({ code: 0 });
    expect(check.text).toContain('The database takes writes, has every migration');
  });

  it.each([
    {
      lack: 'no room to write',
      ...FULL_DISK,
      part: 'database',
      code: 'database-not-writable',
      reason: 'its disk is full (53100)',
    },
    {
      lack: 'not every migration',
      begin: `CREATE TABLE kept AS SELECT * FROM schema_migration WHERE id = ${NEWEST};
        DELETE FROM schema_migration WHERE id = ${NEWEST}`,
      end: 'INSERT INTO schema_migration SELECT * FROM kept; DROP TABLE kept',
      part: 'schema',
      code: 'schema-behind',
      reason: 'missing',
    },
    {
      lack: 'not every privilege',
      begin: `REVOKE UPDATE ON ${BUDGET} FROM identity_service`,
      end: `GRANT UPDATE ON ${BUDGET} TO identity_service`,
      part: 'schema',
      code: 'role-privilege-missing',
      reason: `of ${BUDGET}`,
    },
    {
      lack: 'not every function',
      begin: 'REVOKE EXECUTE ON FUNCTION audit_create_partitions(integer) FROM identity_service',
      end: 'GRANT EXECUTE ON FUNCTION audit_create_partitions(integer) TO identity_service',
      part: 'schema',
      code: 'role-privilege-missing',
      reason: 'EXECUTE of audit_create_partitions(integer)',
    },
  ])(
    '$lack: readiness, doctor and config check --connect say so',
    async ({ begin, end, part, code, reason }) => {
      await execute(begin);
      let isMended = false;
      const mend = async (): Promise<void> => {
        if (!isMended) await execute(end);
        isMended = true;
      };
      onTestFinished(mend);
      const url = await newReplica();
      const notReady = { status: 503, parts: { [part]: 'not ready' } };
      expect(await readinessOf(url)).toMatchObject(notReady);
      const { doctor, check } = await commandsSay();
      expect(doctor).toEqual({ code: 1, text: expect.stringContaining(code) as string });
      expect(check).toEqual({ code: 1, text: expect.stringContaining(reason) as string });
      await mend();
      await expect.poll(async () => readinessOf(url)).toMatchObject({ status: 200 });
    },
  );
});
