import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { newPerson, type Person, requestToken } from '../support/tokens-api.js';

const REPLICAS = 3;
// Hundreds of calls at once keep two cores busy for seconds; these specs are not about deadlines.
const service = runningService({
  replicas: REPLICAS,
  environment: {
    ACS_TIMEOUT_MS: '20000',
    DATABASE_TIMEOUT_MS: '15000',
    AUDIT_TIMEOUT_MS: '20000',
    MAPPING_WAIT_MS: '30000',
    MAPPING_LEASE_MS: '40000',
  },
});
let administrator: string;

beforeAll(async () => {
  administrator = await service().token('ada');
});

/** Requests a token of a person. @returns the identity that it is for */
async function tokenFor(person: Person, nth: number): Promise<string> {
  const url = service().urlOf(nth % REPLICAS);
  const { status, body, text } = await requestToken(service(), person, {}, url);
  expect(status, text).toBe(200);
  return body.identity.communicationUserId as string;
}

/** Creates the identity of a subject as an administrator. @returns the identity */
async function create(subject: string, nth: number): Promise<string> {
  const { status, body, text } = await call(
    service().urlOf(nth % REPLICAS),
    'post',
    '/v1/identities',
    { token: administrator, body: { kind: 'user', subject } },
  );
  expect([200, 201], text).toContain(status);
  return body.communicationUserId as string;
}

async function identitiesAtAcs(): Promise<number> {
  return (await service().emulator.control.listIdentities()).length;
}

/** Actions of a subject's audit entries. */
async function actionsOn(subject: string): Promise<string[]> {
  const entries = await service().auditEntries();
  return entries.filter(({ target }) => target?.subject === subject).map(({ action }) => action);
}

// test/chaos/identity-race.ts does the same with a thousand callers.
describe('concurrent first calls to three api processes', () => {
  it('POST /v1/me/tokens: 200 calls of one person get 200 tokens for one identity', async () => {
    const person = await newPerson(service());
    const before = await identitiesAtAcs();
    const ids = await Promise.all(
      Array.from({ length: 200 }, async (_, nth) => tokenFor(person, nth)),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await identitiesAtAcs()).toBe(before + 1);
    const actions = await actionsOn(person.oid);
    expect(actions.filter((action) => action === 'token.issue')).toHaveLength(200);
    expect(actions.filter((action) => action === 'identity.create')).toHaveLength(1);
  });

  it('POST /v1/me/tokens: 20 people with three calls each get 20 identities', async () => {
    const people = await Promise.all(Array.from({ length: 20 }, async () => newPerson(service())));
    const before = await identitiesAtAcs();
    const ids = await Promise.all(
      people.flatMap((person, nth) =>
        [0, 1, 2].map(async (replica) => tokenFor(person, nth + replica)),
      ),
    );
    expect(new Set(ids).size).toBe(20);
    expect(await identitiesAtAcs()).toBe(before + 20);
  });

  it('POST /v1/identities: 90 calls for one subject get one identity', async () => {
    const subject = randomUUID();
    const before = await identitiesAtAcs();
    const ids = await Promise.all(
      Array.from({ length: 90 }, async (_, nth) => create(subject, nth)),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await identitiesAtAcs()).toBe(before + 1);
  });

  it('POST /v1/identities: 25 subjects with four calls each get 25 identities and mappings', async () => {
    const subjects = Array.from({ length: 25 }, () => randomUUID());
    const before = await identitiesAtAcs();
    const ids = await Promise.all(
      [0, 1, 2, 0].flatMap((replica) => subjects.map(async (subject) => create(subject, replica))),
    );
    expect(new Set(ids).size).toBe(25);
    expect(await identitiesAtAcs()).toBe(before + 25);
    const mappings = await service().rows('SELECT FROM mapping WHERE subject = ANY($1)', [
      subjects,
    ]);
    expect(mappings).toHaveLength(25);
  });

  it('both routes: a person and an administrator get the same identity', async () => {
    const person = await newPerson(service());
    const before = await identitiesAtAcs();
    const ids = await Promise.all(
      Array.from({ length: 30 }, async (_, nth) =>
        nth % 2 === 0 ? tokenFor(person, nth) : create(person.oid, nth),
      ),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await identitiesAtAcs()).toBe(before + 1);
  });
});
