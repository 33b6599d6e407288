import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { acsIdentity, type CommandResult, operatorEnvironment } from '../support/acs-identity.js';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { issue, newPerson, requestToken } from '../support/tokens-api.js';

const service = runningService({ replicas: 2 });
const path = '/v1/revocations';
const home = SAMPLE_TENANTS.home.id;
const app = '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40002';
let ada = '';

beforeAll(async () => {
  ada = await service().token('ada');
});

async function start(body: unknown, token = ada) {
  return call(service().url, 'post', path, { token, body });
}

async function isValid(token: string): Promise<boolean> {
  return (await service().emulator.control.validateAcsToken(token)).valid;
}

async function command(...args: string[]): Promise<CommandResult> {
  const environment = operatorEnvironment(service());
  return acsIdentity(['revocations', ...args], { environment });
}

describe('POST /v1/revocations', () => {
  it('202: revokes the tokens of everyone of the tenant; no replica issues one before', async () => {
    const people = [await newPerson(service()), await newPerson(service())];
    const old = await Promise.all(people.map(async (person) => issue(service(), person)));
    const dry = await start({ everyone: true, dryRun: true, reason: 'a drill' });
    expect(dry.status).toBe(200);
    expect(dry.body).toMatchObject({ dryRun: true, identities: 2, estimatedSeconds: 1 });
    // ACS does not confirm yet.
    await service().emulator.control.addFault({
      ...{ service: 'acs', operation: 'revoke', kind: 'status', status: 500 },
    });
    const { status, body } = await start({ everyone: true, reason: 'a key has leaked' });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      ...{ status: 'running', tenant: home, identities: 2, remainingIdentities: 2 },
      ...{ estimatedSeconds: 1, effectiveWithinMinutes: 15, reason: 'a key has leaked' },
    });
    for (const url of [service().url, service().urlOf(1)]) {
      const refused = await requestToken(service(), people[0] ?? 'alice', {}, url);
      expect(refused.status).toBe(503);
      expect(refused.body.type).toBe('urn:acs-identity:problem:revocation-pending');
      expect(refused.headers['retry-after']).toBe('30');
    }
    await service().emulator.control.removeFaults();
    const progress = async (): Promise<unknown> => {
      const read = await call(service().urlOf(1), 'get', `${path}/${body.id}`, { token: ada });
      return read.body;
    };
    await expect
      .poll(progress, { timeout: 60_000 })
      .toMatchObject({ status: 'completed', identities: 2, remainingIdentities: 0 });
    expect(await Promise.all(old.map(async ({ token }) => isValid(token)))).toEqual([false, false]);
    for (const person of people) {
      expect(await isValid((await issue(service(), person)).token)).toBe(true);
    }
  }, 90_000);

  it.each([
    ['no filter', { reason: 'x' }, 'everyone'],
    ['no reason', { everyone: true }, 'reason'],
    ['an empty reason', { everyone: true, reason: ' ' }, 'reason'],
    ['a reason of two lines', { everyone: true, reason: 'a\nb' }, 'control character'],
    ['a reason that is too long', { everyone: true, reason: 'x'.repeat(501) }, 'reason'],
    ['everyone that is false', { everyone: false, reason: 'x' }, 'everyone'],
    ['everyone and a filter', { everyone: true, identityKind: 'bot', reason: 'x' }, 'everyone'],
    ['an unknown kind', { identityKind: 'robot', reason: 'x' }, 'identityKind'],
    ['an empty client application', { clientApp: '', reason: 'x' }, 'clientApp'],
    ['a client application with a space', { clientApp: `${app} `, reason: 'x' }, 'clientApp'],
    ['one with an invisible character', { clientApp: `${app}\u200b`, reason: 'x' }, 'clientApp'],
    ['one in braces', { clientApp: `{${app}}`, reason: 'x' }, 'clientApp'],
    ['one in wide digits', { clientApp: app.replace('5', '\uff15'), reason: 'x' }, 'clientApp'],
    ['an empty resource', { resource: '', reason: 'x' }, 'resource'],
    ['a dry run that is a text', { everyone: true, dryRun: 'true', reason: 'x' }, 'dryRun'],
    ['a time without a zone', { issuedBefore: '2026-01-31T12:00', reason: 'x' }, 'issuedBefore'],
    ['a time long ago', { issuedBefore: '2020-01-31T12:00:00Z', reason: 'x' }, 'issuedBefore'],
    ['a time to come', { issuedBefore: '2999-01-31T12:00:00Z', reason: 'x' }, 'issuedBefore'],
    ['an invitation that is no UUID', { invitation: 'meeting', reason: 'x' }, 'invitation'],
    [
      'an invitation with another filter',
      { invitation: randomUUID(), identityKind: 'visitor', reason: 'x' },
      'invitation',
    ],
    [
      'everyone and an invitation',
      { everyone: true, invitation: randomUUID(), reason: 'x' },
      'everyone',
    ],
    ['an unknown field', { everyone: true, reason: 'x', force: true }, 'force'],
  ])('400: refuses %s', async (_what, body, named) => {
    const answer = await start(body);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(named);
  });

  it.each([
    ['an application that got no tokens', { clientApp: app }, 200],
    ['an application whose id lacks its hyphens', { clientApp: app.replaceAll('-', '') }, 200],
    ['an unknown resource', { resource: 'nosuch' }, 404],
  ])('404: refuses to start for nobody: %s', async (_what, filter, dryStatus) => {
    const dry = await start({ ...filter, dryRun: true, reason: 'x' });
    expect(dry.status).toBe(dryStatus);
    const answer = await start({ ...filter, reason: 'x' });
    expect(answer.status).toBe(404);
    expect(answer.body.type).toBe('urn:acs-identity:problem:nobody-to-revoke');
  });

  it('403: refuses another tenant, also in a dry run; 404: shows none of another tenant', async () => {
    const tenant = SAMPLE_TENANTS.second.id;
    for (const dryRun of [true, false]) {
      const answer = await start({ tenant, dryRun, reason: 'x' });
      expect(answer.status).toBe(403);
      expect(answer.body.type).toBe('urn:acs-identity:problem:tenant-not-allowed');
    }
    for (const id of [randomUUID(), 'not-an-id']) {
      const answer = await call(service().url, 'get', `${path}/${id}`, { token: ada });
      expect(answer.status).toBe(id === 'not-an-id' ? 400 : 404);
    }
  });
});

describe('acs-identity revocations', () => {
  it('starts one, shows it and lists it', async () => {
    const person = await newPerson(service());
    await issue(service(), person);
    const options = ['--identity-kind', 'user', '--reason', 'a leak', '--yes'];
    const nobody = await command('start', '--client-app', randomUUID(), ...options);
    expect(nobody).toMatchObject({ code: 1, stdout: '' });
    expect(nobody.stderr).toContain('Nothing was revoked.');
    const started = await command('start', ...options);
    expect(started).toMatchObject({ code: 0, stderr: '' });
    const id = started.stdout.slice(0, 36);
    await expect.poll(async () => (await command('show', id)).code, { timeout: 60_000 }).toBe(0);
    const { stdout } = await command('list');
    expect(stdout).toContain(`${id} `);
    expect(stdout).toContain(`kind user: `);
    expect(stdout).toContain('a leak');
  }, 120_000);
});
