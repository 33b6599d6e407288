import { communicationUserIdOf } from '#libs/platform/testing';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { canonicalName, InvalidSettings, readSettings } from '#libs/platform';
import { ResourceNotConfigured } from './errors.js';
import { communicationServicesSettings, type CommunicationServicesSettings } from './settings.js';

const directory = mkdtempSync(join(tmpdir(), 'resources-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const guid = (digit: number): string => `0000000${digit}-aaaa-4bbb-8ccc-00000000000${digit}`;

function read(environment: Record<string, string>): CommunicationServicesSettings {
  const values = readSettings([communicationServicesSettings], environment);
  return values.get(communicationServicesSettings.key) as CommunicationServicesSettings; // the key's own type
}

function faultsOf(environment: Record<string, string>): string {
  try {
    read(environment);
    return 'none';
  } catch (error) {
    if (!(error instanceof InvalidSettings)) throw error;
    return error.faults.map(({ variable, problem }) => `${variable} ${problem}`).join('\n');
  }
}

function file(content: unknown): string {
  const path = join(directory, 'resources.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('the settings of communication services', () => {
  it('take one resource from plain variables', () => {
    const { resources } = read({
      ACS_ENDPOINT: 'https://contoso.communication.azure.com/',
      ACS_RESOURCE_ID: guid(1).toUpperCase(),
    });
    expect(resources.names()).toEqual(['default']);
    expect(resources.forTenant(canonicalName('any'))).toMatchObject({
      endpoint: 'https://contoso.communication.azure.com',
      immutableResourceId: guid(1),
    });
    expect(resources.default.credentialSecret).toBeUndefined();
  });

  it('take several resources from a file', () => {
    const path = file([
      { name: 'eu', endpoint: 'https://eu.example', resourceId: guid(1), default: true },
      {
        ...{ name: 'us', endpoint: 'https://us.example', resourceId: guid(2) },
        ...{ credentialSecret: 'us-key', tenants: ['Fabrikam'] },
      },
    ]);
    const { resources } = read({ ACS_RESOURCES_FILE: path });
    expect(resources.default.name).toBe('eu');
    expect(resources.forTenant(canonicalName('contoso')).name).toBe('eu');
    expect(resources.forTenant(canonicalName('fabrikam'))).toMatchObject({
      name: 'us',
      credentialSecret: 'us-key',
    });
  });

  it('name each variable that is missing', () => {
    const faults = faultsOf({});
    expect(faults).toContain('ACS_ENDPOINT is not set');
    expect(faults).toContain('ACS_RESOURCE_ID is not set');
  });

  it.each([
    ['a missing file', '/nowhere/resources.json', /ACS_RESOURCES_FILE/],
    ['no JSON', '{', /ACS_RESOURCES_FILE/],
    ['no resources', [], /at least one/],
    ['no default among two', [{ ...one(1) }, { ...one(2) }], /exactly one resource as the default/],
    [
      'two resources of one id',
      [
        { ...one(1), default: true },
        { ...one(1), name: 'b' },
      ],
      /resourceId/,
    ],
    ['an unknown field', [{ ...one(1), secret: 'x' }], /secret/],
    [
      'a plain http endpoint',
      [{ ...one(1), endpoint: 'http://a.example' }],
      /0\.endpoint: must be an https/,
    ],
  ])('refuse %s', (_what, content, expected) => {
    const path = typeof content === 'string' && content.startsWith('/') ? content : file(content);
    expect(faultsOf({ ACS_RESOURCES_FILE: path })).toMatch(expected);
  });

  it('refuse ACS_RESOURCES_FILE together with ACS_ENDPOINT', () => {
    const path = file([one(1)]);
    const faults = faultsOf({ ACS_RESOURCES_FILE: path, ACS_ENDPOINT: 'https://a.example' });
    expect(faults).toContain('ACS_ENDPOINT can not be set together with ACS_RESOURCES_FILE');
  });
});

describe('CommunicationResources', () => {
  it('finds the resource of an identity by its id', () => {
    const { resources } = read({ ACS_RESOURCES_FILE: file([{ ...one(1) }]) });
    const owner = (id: string): string | undefined =>
      resources.ofCommunicationUserId(communicationUserIdOf(id))?.name;
    expect(owner(`8:acs:${guid(1).toUpperCase()}_${guid(7)}`)).toBe('r1');
    expect(owner(`8:acs:${guid(1)}_${guid(5)}_${guid(7)}`)).toBe('r1');
    expect(owner(`8:acs:${guid(2)}_${guid(7)}`)).toBeUndefined();
    expect(owner(`8:orgid:${guid(1)}`)).toBeUndefined();
    for (const other of [`8:acs:${guid(1)}`, `8:acs:${guid(1)}_${guid(7)}\n`]) {
      expect(() => owner(other)).toThrow('is not a communication user id');
    }
  });

  it('refuses a name that is not configured', () => {
    const { resources } = read({ ACS_RESOURCES_FILE: file([{ ...one(1) }]) });
    expect(() => resources.find('default')).toThrow(ResourceNotConfigured);
  });
});

function one(digit: number): { name: string; endpoint: string; resourceId: string } {
  return { name: `r${digit}`, endpoint: 'https://a.example', resourceId: guid(digit) };
}
