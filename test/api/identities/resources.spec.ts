import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import { IdentitiesApi } from '../../support/identities-api.js';

const service = runningService();
const directory = new IdentitiesApi(service);
let folder: string;
/** The first api knows one ACS resource; this one knows a second, for the second tenant. */
let wide: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-resources-'));
  const [main, second] = service().emulator.acsResources;
  if (!main || !second) expect.unreachable();
  const file = join(folder, 'resources.json');
  const of = ({ url, resourceId, secretName }: typeof main): object => ({
    ...{ endpoint: url, resourceId, credentialSecret: secretName },
  });
  const tenants = [service().emulator.secondTenantId];
  await writeFile(
    file,
    JSON.stringify([
      { name: 'default', default: true, ...of(main) },
      { name: 'second', tenants, ...of(second) },
    ]),
  );
  const none = { ACS_ENDPOINT: undefined, ACS_RESOURCE_ID: undefined };
  const api = await service().addApi({
    ...{ ...none, ACS_CREDENTIAL_SECRET: undefined, ACS_RESOURCES_FILE: file },
  });
  wide = api.url;
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const secondId = (): string => service().emulator.acsResources[1]?.resourceId ?? '';

describe('identities in several ACS resources', () => {
  it('are made where the configuration sends their tenant, and pinned there', async () => {
    const token = await service().token('olga');
    const issued = await call(wide, 'post', '/v1/me/tokens', { token, body: {} });
    service().scanner.forbid(issued.body.token);
    expect(issued.body.identity.communicationUserId).toContain(secondId());

    const before = (await service().emulator.control.readJournal({ service: 'acs' })).length;
    const elsewhere = await call(service().url, 'post', '/v1/me/tokens', { token, body: {} });
    expect(elsewhere).toMatchObject({
      status: 409,
      body: { type: 'urn:acs-identity:problem:resource-not-configured' },
    });
    expect(await service().emulator.control.readJournal({ service: 'acs' })).toHaveLength(before);
  });

  it('are linked into the resource that their id names, and erased in all of them', async () => {
    const subject = randomUUID();
    const token = await service().token('ada');
    const first = await directory.create(subject);
    const communicationUserId = directory.foreignId(secondId());
    const body = { kind: 'user', subject, communicationUserId };
    const linked = await call(wide, 'post', '/v1/identities', { token, body });
    expect(linked).toMatchObject({ status: 201, body: { resource: 'second' } });
    // Where both are, the one of the tenant's own resource is meant.
    const again = await call(wide, 'post', '/v1/identities', {
      token,
      body: { kind: 'user', subject },
    });
    expect(again.body).toEqual(first.body);

    const narrow = await directory.asAda('post', '/v1/identities/erase', { body: { subject } });
    expect(narrow.status).toBe(202);
    expect(narrow.body.identities).toMatchObject([
      { resource: 'default', status: 'deleted' },
      { resource: 'second', status: 'active', problem: 'resource-not-configured' },
    ]);
    const erased = await call(wide, 'post', '/v1/identities/erase', { token, body: { subject } });
    expect(erased).toMatchObject({ status: 200, body: { isComplete: true } });
    expect(erased.body.identities).toMatchObject([
      { resource: 'default', status: 'deleted' },
      { resource: 'second', status: 'deleted', communicationUserId },
    ]);
  });
});
