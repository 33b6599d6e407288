import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidV7 } from '#libs/platform';
import { SAMPLE_PEOPLE } from '../../../apps/emulator/src/index.js';
import { acsIdentity, operatorEnvironment } from '../../support/acs-identity.js';
import { call } from '../../support/call.js';
import { IdentitiesApi } from '../../support/identities-api.js';
import { runningService } from '../../support/running-service.js';
import { issue, requestToken } from '../../support/tokens-api.js';

const service = runningService();
const identities = new IdentitiesApi(service);
let folder: string;
/** Of an api with a second ACS resource, for the second tenant; the first api has one resource. */
let twoResourcesUrl: string;
let twoResources: Record<string, string>;

/** The settings of an api with both resources. @param given more members of the first and of the second */
async function settingsOf(
  name: string,
  given: readonly [object, object],
): Promise<typeof twoResources> {
  const file = join(folder, `${name}.json`);
  const resources = service().emulator.acsResources.map(({ url, resourceId, secretName }, nth) => ({
    ...{ endpoint: url, resourceId, credentialSecret: secretName },
    ...given[nth],
  }));
  await writeFile(file, JSON.stringify(resources));
  return {
    ...{ ACS_ENDPOINT: '', ACS_RESOURCE_ID: '', ACS_CREDENTIAL_SECRET: '' },
    ACS_RESOURCES_FILE: file,
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-resources-'));
  const tenants = [service().emulator.secondTenantId];
  twoResources = await settingsOf('resources', [
    { name: 'default', default: true },
    { name: 'second', tenants },
  ]);
  const api = await service().addApi(twoResources);
  twoResourcesUrl = api.url;
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const movingSettings = async (): Promise<typeof twoResources> =>
  settingsOf('moving', [{ name: 'default' }, { name: 'second', default: true }]);
const secondId = (): string => service().emulator.acsResources[1]?.resourceId ?? '';

describe('identities in several ACS resources', () => {
  it('are created in the resource of their tenant, and stay there: 409 where it is not configured', async () => {
    const { identity } = await issue(service(), 'olga', {}, twoResourcesUrl);
    expect(identity.communicationUserId).toContain(secondId());

    const before = (await service().emulator.control.readJournal({ service: 'acs' })).length;
    expect(await requestToken(service(), 'olga')).toMatchObject({
      status: 409,
      body: { type: 'urn:acs-identity:problem:resource-not-configured' },
    });
    expect(await service().emulator.control.readJournal({ service: 'acs' })).toHaveLength(before);
  });

  it('are linked by operators only, not in a second resource, and erased in all resources', async () => {
    const subject = randomUUID();
    const token = await service().token('ada');
    const first = await identities.create(subject);
    const communicationUserId = identities.foreignId(secondId());
    const body = { kind: 'user', subject, communicationUserId };
    const linked = await call(twoResourcesUrl, 'post', '/v1/identities', { token, body });
    // The resource of the second tenant: an administrator of the home tenant may not claim its identities.
    expect(linked).toMatchObject({
      status: 409,
      body: { type: 'urn:acs-identity:problem:resource-not-configured' },
    });
    const lines = join(folder, 'lines.ndjson');
    await writeFile(lines, JSON.stringify(body));
    const tenant = service().emulator.tenantId;
    const imported = await acsIdentity(['identities', 'import', lines, '--tenant', tenant], {
      environment: { ...operatorEnvironment(service()), ...twoResources },
    });
    expect(imported.stdout + imported.stderr).toContain('identity-link-conflict');
    // As an earlier release has left it.
    await service().rows(
      `INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id, is_additional)
       VALUES ($4, 'second', $1, $2, 'user', 'active', $3, true)`,
      [tenant, subject, communicationUserId, uuidV7(Date.now())],
    );
    const again = await call(twoResourcesUrl, 'post', '/v1/identities', {
      token,
      body: { kind: 'user', subject },
    });
    expect(again.body).toEqual(first.body);

    const partial = await identities.asAda('post', '/v1/identities/erase', { body: { subject } });
    expect(partial.status).toBe(202);
    expect(partial.body.identities).toMatchObject([
      { resource: 'default', status: 'deleted' },
      { resource: 'second', status: 'active', problem: 'resource-not-configured' },
    ]);
    const erased = await call(twoResourcesUrl, 'post', '/v1/identities/erase', {
      token,
      body: { subject },
    });
    expect(erased).toMatchObject({ status: 200, body: { isComplete: true } });
    expect(erased.body.identities).toMatchObject([
      { resource: 'default', status: 'deleted' },
      { resource: 'second', status: 'deleted', communicationUserId },
    ]);
  });

  it('are one for each person, also while replicas have different default resources', async () => {
    const token = await service().token('ada');
    const { url } = await service().addApi(await movingSettings());
    for (let round = 0; round < 10; round += 1) {
      const body = { kind: 'user', subject: randomUUID() };
      const [one, other] = await Promise.all(
        [twoResourcesUrl, url].map(async (api) =>
          call(api, 'post', '/v1/identities', { token, body }),
        ),
      );
      expect([one?.status, other?.status].sort()).toEqual([200, 201]);
      expect(one?.body).toEqual(other?.body);
    }
  });

  it('move to another resource when they are erased, and stay until then', async () => {
    const before = await issue(service(), 'bob');
    const moving = await movingSettings();
    const { url } = await service().addApi(moving);
    expect((await issue(service(), 'bob', {}, url)).identity).toEqual(before.identity);

    const person = [
      '--tenant',
      service().emulator.tenantId,
      '--subject',
      SAMPLE_PEOPLE.bob.objectId,
    ];
    const erased = await acsIdentity(['identities', 'erase', ...person, '--yes'], {
      environment: { ...operatorEnvironment(service()), ...moving },
    });
    expect(erased.code, erased.stderr).toBe(0);
    const { identity } = await issue(service(), 'bob', {}, url);
    expect(identity.communicationUserId).toContain(secondId());
  });
});
