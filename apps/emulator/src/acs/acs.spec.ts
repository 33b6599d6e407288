import { CommunicationIdentityClient } from '@azure/communication-identity';
import { describe, expect, it } from 'vitest';
import { SAMPLE_APPS, SAMPLE_PEOPLE } from '../index.js';
import {
  anyNumber,
  anyString,
  claimsOf,
  headerOf,
  serviceCredential,
  stringMatching,
  useEmulator,
} from '../testing.js';

const running = useEmulator();

/** Without retries, so that errors are not delayed. */
const once = { retryOptions: { maxRetries: 0 } };

function client(resource = 0): CommunicationIdentityClient {
  return new CommunicationIdentityClient(
    running().acsResources[resource]?.connectionString ?? '',
    once,
  );
}

const credentials = {
  'a connection string': () => client(),
  'an access key': () => {
    const { acsUrl, acsAccessKey } = running();
    return new CommunicationIdentityClient(acsUrl, { key: acsAccessKey }, once);
  },
  'an Entra credential': () =>
    new CommunicationIdentityClient(running().acsUrl, serviceCredential(running()), once),
};

describe.each(Object.entries(credentials))('ACS called with %s', (_name, connect) => {
  it('creates, issues, revokes and deletes', async () => {
    const acs = connect();
    const { control, acsResourceId } = running();
    const { communicationUserId, ...created } = await acs
      .createUserAndToken(['voip'], {
        tokenExpiresInMinutes: 60,
      })
      .then(({ user, token, expiresOn }) => ({ ...user, token, expiresOn }));
    expect(communicationUserId).toMatch(
      new RegExp(`^8:acs:${acsResourceId}_0000[0-9a-f]{4}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$`),
    );
    expect(Math.abs(created.expiresOn.getTime() - Date.now() - 3_600_000)).toBeLessThan(5000);

    const { token } = await acs.getToken({ communicationUserId }, ['chat', 'voip']);
    expect(await control.validateAcsToken(token)).toMatchObject({
      valid: true,
      communicationUserId,
      scopes: ['chat', 'voip'],
      resourceId: acsResourceId,
    });

    await acs.revokeTokens({ communicationUserId });
    for (const old of [token, created.token]) {
      expect(await control.validateAcsToken(old)).toMatchObject({
        valid: false,
        reason: 'revoked',
      });
    }
    const renewed = await acs.getToken({ communicationUserId }, ['chat']);
    expect(await control.validateAcsToken(renewed.token)).toMatchObject({ valid: true });

    await acs.deleteUser({ communicationUserId });
    expect(await control.validateAcsToken(renewed.token)).toMatchObject({
      valid: false,
      reason: 'identity-deleted',
    });
    await expect(acs.getToken({ communicationUserId }, ['chat'])).rejects.toMatchObject({
      statusCode: 404,
    });
    expect(await control.listIdentities()).toMatchObject([
      { id: communicationUserId, resource: 'main', tokensIssued: 3, deletedAt: anyString },
    ]);
  });

  it('exchanges the token of a Teams user', async () => {
    const teamsUserAadToken = await running().control.mintToken({
      person: 'alice',
      resource: 'teams',
    });
    const wanted = {
      teamsUserAadToken,
      clientId: SAMPLE_APPS['sample-web-app'].clientId,
      userObjectId: SAMPLE_PEOPLE.alice.objectId,
    };
    const { token } = await connect().getTokenForTeamsUser(wanted);
    expect(claimsOf(token)).toMatchObject({
      skypeid: `orgid:${SAMPLE_PEOPLE.alice.objectId}`,
      scp: 1024,
      aad_appid: wanted.clientId,
    });
  });
});

describe('an ACS token', () => {
  it('has exactly the header and claims of a real one', async () => {
    const { user, token } = await client().createUserAndToken(['chat', 'voip']);
    expect(headerOf(token)).toEqual({
      alg: 'RS256',
      kid: stringMatching(/^[0-9A-F]{40}$/),
      x5t: anyString,
      typ: 'JWT',
    });
    expect(claimsOf(token)).toEqual({
      skypeid: user.communicationUserId.slice(2),
      scp: 1792,
      csi: stringMatching(/^\d{10}$/),
      exp: anyNumber,
      rgn: 'amer',
      acsScope: 'chat,voip',
      resourceId: running().acsResourceId,
      resourceLocation: 'unitedstates',
      iat: anyNumber,
    });
  });

  it('is invalid after its own access key is regenerated, and no other token is', async () => {
    const { control, acsResources } = running();
    const withOldKey = client(1);
    const withKey = await withOldKey.createUserAndToken(['chat']);
    const bearer = new CommunicationIdentityClient(
      acsResources[1]?.url ?? '',
      serviceCredential(running()),
    );
    const withEntra = await bearer.getToken(withKey.user, ['chat']);
    const { connectionString = '' } = await control.regenerateAcsKey({ resource: 'second' });

    expect(await control.validateAcsToken(withKey.token)).toMatchObject({
      valid: false,
      reason: 'key-regenerated',
    });
    expect(await control.validateAcsToken(withEntra.token)).toMatchObject({ valid: true });
    await expect(withOldKey.createUser()).rejects.toMatchObject({ statusCode: 401 });
    await new CommunicationIdentityClient(connectionString).createUser();
  });
});

describe('ACS rejects', () => {
  it.each([59, 1441])('a lifetime of %d minutes, with the recorded message', async (minutes) => {
    const user = await client().createUser();
    const error = {
      statusCode: 400,
      code: 'ValidationError',
      message: `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`,
      details: { error: { target: 'ExpiresInMinutes' } },
    };
    const options = { tokenExpiresInMinutes: minutes };
    await expect(client().getToken(user, ['chat'], options)).rejects.toMatchObject(error);
    await expect(client().createUserAndToken(['chat'], options)).rejects.toMatchObject(error);
  });

  it('a token without scopes', async () => {
    const user = await client().createUser();
    await expect(client().getToken(user, [])).rejects.toMatchObject({
      statusCode: 400,
      code: 'ValidationError',
      message: 'Scopes: The Scopes field is required.',
    });
  });

  it("an identity of another resource, and doesn't delete it", async () => {
    const user = await client(0).createUser();
    const error = {
      statusCode: 401,
      code: 'IdentityNotOwned',
      message: "Provided identity doesn't belong to the resource.",
    };
    await expect(client(1).getToken(user, ['chat'])).rejects.toMatchObject(error);
    await expect(client(1).revokeTokens(user)).rejects.toMatchObject(error);
    await expect(client(1).deleteUser(user)).rejects.toMatchObject(error);
    await client(0).getToken(user, ['chat']);
  });

  it('a wrong key, and a principal without the role', async () => {
    const error = {
      statusCode: 401,
      code: 'Denied',
      message: 'Denied by the resource provider.',
    };
    const wrongKey = { key: Buffer.alloc(64).toString('base64') };
    const withWrongKey = new CommunicationIdentityClient(running().acsUrl, wrongKey, once);
    await expect(withWrongKey.createUser()).rejects.toMatchObject(error);
    const withoutRole = new CommunicationIdentityClient(running().acsUrl, {
      getToken: async () => ({
        token: await running().control.mintToken({
          app: 'crm-service',
          resource: 'communication',
        }),
        expiresOnTimestamp: Date.now() + 3_600_000,
      }),
    });
    await expect(withoutRole.createUser()).rejects.toMatchObject(error);
  });

  it('a Teams token of another app, of another user or for another resource', async () => {
    const { control } = running();
    const wanted = {
      teamsUserAadToken: await control.mintToken({ person: 'alice', resource: 'teams' }),
      clientId: SAMPLE_APPS['sample-web-app'].clientId,
      userObjectId: SAMPLE_PEOPLE.alice.objectId,
    };
    const acs = client();
    await expect(
      acs.getTokenForTeamsUser({ ...wanted, clientId: SAMPLE_APPS['crm-service'].clientId }),
    ).rejects.toMatchObject({
      statusCode: 400,
      code: 'ValidationError',
      message: 'AAD application is not the expected one.',
      details: { error: { target: 'appId' } },
    });
    await expect(
      acs.getTokenForTeamsUser({ ...wanted, userObjectId: SAMPLE_PEOPLE.bob.objectId }),
    ).rejects.toMatchObject({ statusCode: 400, details: { error: { target: 'userId' } } });
    const teamsUserAadToken = await control.mintToken({ person: 'alice' });
    await expect(acs.getTokenForTeamsUser({ ...wanted, teamsUserAadToken })).rejects.toMatchObject({
      statusCode: 401,
      code: 'InvalidAccessToken',
      message: 'Provided access token is not valid.',
    });
  });
});

describe('ACS limits', () => {
  it('give 429 with Retry-After, per operation and resource', async () => {
    const { control } = running();
    await control.changeAcs({ limits: { create: 2 }, windowSeconds: 60 });
    const acs = client();
    const user = await acs.createUser();
    await acs.createUser();
    const error: unknown = await acs.createUser().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ statusCode: 429, code: 'TooManyRequests' });
    const { response } = error as { response: { headers: { get(name: string): string } } };
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(50);
    await acs.getToken(user, ['chat']);
    await client(1).createUser();
  });

  it('give 429 without Retry-After on request, and can be turned off', async () => {
    const { control } = running();
    await control.changeAcs({ limits: { issue: 0 }, sendRetryAfter: false });
    const user = await client().createUser();
    const error: unknown = await client()
      .getToken(user, ['chat'])
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ statusCode: 429 });
    const { response } = error as { response: { headers: { has(name: string): boolean } } };
    expect(response.headers.has('retry-after')).toBe(false);
    await control.changeAcs({ limits: 'off' });
    await client().getToken(user, ['chat']);
  });
});

describe('an ACS response', () => {
  it('has MS-CV, the processing time and the echoed request id', async () => {
    let headers: Record<string, string> = {};
    let sentId: string | undefined;
    await client().createUser({
      onResponse: (response) => {
        headers = response.headers.toJSON();
        sentId = response.request.requestId;
      },
    });
    expect(headers['ms-cv']).toMatch(/^[A-Za-z0-9+/]{22}\.0$/);
    expect(headers['x-processing-time']).toMatch(/^\d+ms$/);
    expect(headers['x-ms-client-request-id']).toBe(sentId);
  });

  it('has expiresOn with seven fraction digits and an offset', async () => {
    let body = '';
    await client().createUserAndToken(['chat'], {
      onResponse: ({ bodyAsText }) => {
        body = bodyAsText ?? '';
      },
    });
    expect(body).toMatch(/"expiresOn":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00"/);
  });
});
