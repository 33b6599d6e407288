import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { execute } from '../../apps/local/src/postgres/local-postgres.js';
import { TEST_CLUSTER } from '#libs/platform/testing';
import { call } from '../support/call.js';
import { Service } from '../support/service.js';
import { newPerson, requestToken } from '../support/tokens-api.js';

const PARAMETERS = [
  `DateStyle = 'German'`,
  `TimeZone = 'Asia/Kathmandu'`,
  `IntervalStyle = 'sql_standard'`,
  `bytea_output = 'escape'`,
  `standard_conforming_strings = off`,
  `default_transaction_isolation = 'serializable'`,
  `array_nulls = off`,
  `quote_all_identifiers = on`,
  `extra_float_digits = -15`,
  `search_path = 'nope'`,
];

describe('two replicas whose role has other parameters of the server than the SQL depends on', () => {
  let service: Service;

  beforeAll(async () => {
    service = await Service.start({
      cluster: inject('cluster'),
      replicas: 0,
      environment: { AUDIT_VERIFICATION_SECONDS: '10' },
    });
    const { name, superuserUrl } = service.database;
    const { serviceRole } = TEST_CLUSTER;
    for (const parameter of PARAMETERS) {
      await execute(superuserUrl, `ALTER ROLE ${serviceRole} IN DATABASE ${name} SET ${parameter}`);
    }
    await service.addApi();
    await service.addApi();
  });

  afterAll(async () => {
    await service.stop();
  });

  it('give everybody tokens, find the entries, and record no damage', async () => {
    for (const { url } of service.apis) {
      await expect.poll(async () => (await call(url, 'get', '/health/ready')).status).toBe(200);
    }
    const startedAt = Date.now();
    const people = await Promise.all(Array.from({ length: 20 }, async () => newPerson(service)));
    const answers = await Promise.all(
      people.flatMap((person) =>
        [0, 1, 0].map(async (nth) => requestToken(service, person, {}, service.urlOf(nth))),
      ),
    );
    const refusals = answers.filter(({ status }) => status !== 200).map(({ text }) => text);
    expect(refusals).toEqual([]);
    const token = await service.token('grace');
    const page = await call(service.url, 'get', '/v1/audit/entries?limit=5', { token });
    expect(page.body.items).toHaveLength(5);
    expect(Date.parse(page.body.items[0].entry.recordedAt as string)).toBeGreaterThan(
      startedAt - 60_000,
    );
    await expect.poll(async () => verifiedEntries(token)).toBeGreaterThan(answers.length);
    const actions = (await service.auditEntries()).map(({ action }) => action);
    expect(actions).not.toContain('audit.damage');
  });

  async function verifiedEntries(token: string): Promise<number> {
    const { body } = await call(service.url, 'get', '/v1/audit/health', { token });
    const parts = body.verification as { name: string; verifiedEntries?: number }[];
    return parts.find(({ name }) => name === 'log')?.verifiedEntries ?? 0;
  }
});
