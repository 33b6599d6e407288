import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiProcess, startApi } from '../../apps/local/src/api-process.js';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { issue, type IssuedToken, newPerson } from '../support/tokens-api.js';

const service = runningService();

/** Contenders with a program of their own, compiled. */
const programs = ['floor', 'naive', 'service-without-audit'];

/** Names and types of what an answer has; the service's own answers are checked against its document. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shapeOf(one)]));
}

describe.each(programs)('the contender %s', (program) => {
  let contender: ApiProcess;
  let database: TestDatabase;

  beforeAll(async () => {
    const { environment, emulator } = service();
    database = await testDatabase();
    const isService = program === 'service-without-audit';
    contender = await startApi(
      {
        ...environment,
        AUDIT_CHECKPOINT_FILE: undefined,
        DATABASE_URL: isService ? database.serviceUrl : database.ownerUrl,
        // Those of one file read no vault; the log of this one has nothing in common with the service's.
        CONTENDER_ACS_CONNECTION_STRING: emulator.acsResources[0]?.connectionString,
      },
      { program: `${repositoryRoot}dist/bench/contenders/${program}.js` },
    );
  });
  afterAll(async () => {
    await contender.stop();
    await database.close();
  });

  async function request(bearer: string): Promise<Response> {
    const headers = { authorization: `Bearer ${bearer}` };
    return fetch(`${contender.url}/v1/me/tokens`, { method: 'POST', headers });
  }

  async function token(bearer: string): Promise<IssuedToken> {
    const response = await request(bearer);
    expect(response.status).toBe(200);
    return (await response.json()) as IssuedToken;
  }

  it('answers as the service does, with tokens of one identity that ACS accepts', async () => {
    const { bearer } = await newPerson(service());
    const first = await token(bearer);
    const later = await token(bearer);
    expect(shapeOf(first)).toEqual(shapeOf(await issue(service(), 'alice')));
    expect(shapeOf(later)).toEqual(shapeOf(first));
    expect(later.identity).toEqual(first.identity);
    for (const issued of [first, later]) {
      const { valid, communicationUserId } = await service().emulator.control.validateAcsToken(
        issued.token,
      );
      expect({ valid, communicationUserId }).toEqual({
        valid: true,
        communicationUserId: first.identity.communicationUserId,
      });
    }
    expect(later.auditEntry.id).not.toBe(first.auditEntry.id);
  });

  it('refuses a token with an invalid signature, of another audience, or without the permission', async () => {
    const { control } = service().emulator;
    const bearers = await Promise.all([
      control.mintToken({ person: 'alice', sign: 'impostor' }),
      control.mintToken({ person: 'alice', resource: 'teams' }),
      control.mintToken({ person: 'alice', claims: { scp: 'other', oid: randomUUID() } }),
    ]);
    const statuses = await Promise.all(
      bearers.map(async (bearer) => (await request(bearer)).status),
    );
    expect(statuses).toEqual([401, 401, 403]);
  });
});
