import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { DelayProxy } from '../support/delay-proxy.js';
import {
  firstCall,
  issuances,
  newPeople,
  statusesOf,
  UNLIMITED_ACS,
} from '../support/first-calls.js';
import { Service } from '../support/service.js';
import { newPerson } from '../support/tokens-api.js';

let proxy: DelayProxy;
let service: Service;

beforeAll(async () => {
  proxy = await DelayProxy.start({ targetPort: inject('cluster').port });
  service = await Service.start({
    cluster: inject('cluster'),
    replicas: 0,
    emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
    environment: {
      ...UNLIMITED_ACS,
      LOG_LEVEL: 'info',
      // A busy machine may take longer to hand out the first permits, and its emulator to answer: a call that
      // waits for a connection for longer than its permit lasts is refused.
      ACS_BUDGET_MAX_WAIT_MS: '12000',
      ACS_CONNECTIONS: '300',
    },
  });
});

afterAll(async () => {
  await service.stop();
  await proxy.stop();
});

// test/chaos/first-calls.ts does the same with a thousand people and default deadlines.
describe('first calls of many people at once, with PostgreSQL at a distance', () => {
  it('are all served, each with its entry, in few commits', { timeout: 90_000 }, async () => {
    const people = await newPeople(service, 250);
    const api = await service.addApi({ DATABASE_URL: proxy.urlOf(service.database.serviceUrl) });
    await firstCall(api.url, await newPerson(service)); // reads keys and secrets
    const before = (await service.rows('SELECT FROM audit_head')).length;
    proxy.delayMs = 5;
    const answers = await Promise.all(people.map(async (person) => firstCall(api.url, person)));
    proxy.delayMs = 0;
    const commits = (await service.rows('SELECT FROM audit_head')).length - before;
    expect(statusesOf(answers)).toEqual({ 200: 250 });
    const { successes, withheld } = await issuances(service, people);
    expect([...successes].sort()).toEqual(answers.map(({ body }) => body.auditEntry.id).sort());
    expect(withheld).toEqual([]);
    expect(commits).toBeLessThan(125);
    await api.stop();
    service.apis.pop();
  });

  it(
    'with a deadline that most miss: a success in the log is a receipt, or corrected by a later entry',
    { timeout: 90_000 },
    async () => {
      const people = await newPeople(service, 300);
      const api = await service.addApi({
        DATABASE_URL: proxy.urlOf(service.database.serviceUrl),
        AUDIT_TIMEOUT_MS: '150',
      });
      const warmUp = async (): Promise<number> =>
        (await firstCall(api.url, await newPerson(service))).status;
      await expect.poll(warmUp).toBe(200);
      proxy.delayMs = 40;
      const answers = await Promise.all(people.map(async (person) => firstCall(api.url, person)));
      const served = answers.filter(({ status }) => status === 200);
      expect(served.length).toBeLessThan(300);
      await api.stop(); // records what is late
      service.apis.pop();
      proxy.delayMs = 0;
      const { successes, withheld } = await issuances(service, people);
      const accounted = [...served.map(({ body }) => body.auditEntry.id), ...withheld];
      expect(accounted.sort()).toEqual([...successes].sort());
    },
  );
});
