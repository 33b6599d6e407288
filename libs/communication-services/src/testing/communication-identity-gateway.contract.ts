import { communicationUserIdOf, newGuid } from '#libs/platform/testing';
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AcsOperation } from '#libs/request-budget';
import type {
  ClientExchange,
  CommunicationIdentityGateway,
  CreatedIdentity,
  EntraExchange,
  GatewayCall,
  IssuedToken,
  TokenRequest,
} from '../communication-identity-gateway.js';
import {
  AccessNotAssigned,
  EntraTokenRefused,
  IdentityMissing,
  IdentityNotOwned,
  ResourceNotConfigured,
  TeamsTokenRefused,
  UpstreamOutcomeUnknown,
  UpstreamUnavailable,
} from '../errors.js';
import type { CommunicationResources } from '../resources/communication-resources.js';

export interface GatewayHarness {
  readonly gateway: CommunicationIdentityGateway;
  /** `default` and at least one other. */
  readonly resources: CommunicationResources;
  /** The next call of the operation takes effect, but its response is lost. */
  loseNextResponse(operation: AcsOperation): Promise<void>;
  /** The ids of all identities that exist. */
  identities(): Promise<readonly string[]>;
  /** Whether ACS accepts a token that it issued. */
  isValid(token: string): Promise<boolean>;
  /** An Entra token for an exchange of the client library, and its user, who has no assignment. */
  entraToken(
    exchange: ClientExchange,
  ): Promise<Pick<EntraExchange, 'entraToken' | 'tenant' | 'objectId'>>;
  /** A Teams token, and its user and application. */
  teamsToken(): Promise<{ teamsUserToken: string; clientApp: string; subject: string }>;
}

/** Creates an identity with a token, and expects both. */
export async function createWithToken(
  gateway: CommunicationIdentityGateway,
  call: GatewayCall,
  token: TokenRequest,
): Promise<CreatedIdentity & IssuedToken> {
  const created = await gateway.createIdentityWithToken(call, token);
  if (!('token' in created)) throw new Error('the identity has no token');
  return created;
}

/** What every gateway guarantees. */
export function describeGateway(name: string, start: () => Promise<GatewayHarness>): void {
  describe(`${name} as a gateway to ACS`, () => {
    let harness: GatewayHarness;
    let gateway: CommunicationIdentityGateway;
    beforeAll(async () => {
      harness = await start();
      gateway = harness.gateway;
    });
    const call: GatewayCall = { resource: 'default', request: { requestId: 'contract' } };
    const token = { scopes: ['chat', 'voip'], expiresInMinutes: 60 };

    it('creates an identity in the resource of the call', async () => {
      for (const resource of harness.resources.names()) {
        const created = await gateway.createIdentity({ ...call, resource });
        const owner = harness.resources.ofCommunicationUserId(created.communicationUserId);
        expect(owner?.name).toBe(resource);
        expect(await harness.identities()).toContain(created.communicationUserId);
      }
    });

    it('creates an identity with its first token in one call', async () => {
      const created = await createWithToken(gateway, call, token);
      expect(await harness.identities()).toContain(created.communicationUserId);
      expect(created.token).not.toBe('');
      expect(created.evidence.correlationVector).toEqual(expect.any(String));
      expect(created.evidence.secretVersion).toEqual(expect.any(String));
    });

    it('issues a token with the requested lifetime', async () => {
      const { communicationUserId } = await gateway.createIdentity(call);
      const issued = await gateway.issueToken(call, { ...token, communicationUserId });
      const minutes = (issued.expiresOn.getTime() - Date.now()) / 60_000;
      expect(minutes).toBeGreaterThan(55);
      expect(minutes).toBeLessThan(65);
    });

    it('deletes an identity, also one that is deleted', async () => {
      const { communicationUserId } = await gateway.createIdentity(call);
      await gateway.deleteIdentity(call, communicationUserId);
      await gateway.deleteIdentity(call, communicationUserId);
      expect(await harness.identities()).not.toContain(communicationUserId);
    });

    it('issues no token for a deleted identity', async () => {
      const { communicationUserId } = await gateway.createIdentity(call);
      await gateway.deleteIdentity(call, communicationUserId);
      const failure = gateway.issueToken(call, { ...token, communicationUserId });
      await expect(failure).rejects.toBeInstanceOf(IdentityMissing);
    });

    it('revokes the tokens of an identity that were issued before, and no others', async () => {
      const created = await createWithToken(gateway, call, token);
      const another = await createWithToken(gateway, call, token);
      const { communicationUserId } = created;
      const issued = await gateway.issueToken(call, { ...token, communicationUserId });
      await gateway.revokeTokens(call, communicationUserId);
      expect(await harness.isValid(created.token)).toBe(false);
      expect(await harness.isValid(issued.token)).toBe(false);
      expect(await harness.isValid(another.token)).toBe(true);
    });

    it('leaves a deleted identity deleted, and its tokens invalid, when they are revoked', async () => {
      const created = await createWithToken(gateway, call, token);
      const { communicationUserId } = created;
      expect(await harness.isValid(created.token)).toBe(true);
      await gateway.deleteIdentity(call, communicationUserId);
      const { evidence } = await gateway.revokeTokens(call, communicationUserId);
      expect(evidence).toBeDefined();
      expect(await harness.isValid(created.token)).toBe(false);
      expect(await harness.identities()).not.toContain(communicationUserId);
    });

    it.each([
      ['another configured resource', 1],
      ['an unknown resource', undefined],
    ])('refuses an identity of %s', async (_owner, position) => {
      const other = position === undefined ? undefined : harness.resources.names()[position];
      const owner =
        other === undefined ? randomUUID() : harness.resources.find(other).immutableResourceId;
      const foreign = `8:acs:${owner}_${randomUUID()}`;
      const issue = gateway.issueToken(call, {
        ...token,
        communicationUserId: communicationUserIdOf(foreign),
      });
      await expect(issue).rejects.toBeInstanceOf(IdentityNotOwned);
      await expect(
        gateway.revokeTokens(call, communicationUserIdOf(foreign)),
      ).rejects.toBeInstanceOf(IdentityNotOwned);
      await expect(
        gateway.deleteIdentity(call, communicationUserIdOf(foreign)),
      ).rejects.toBeInstanceOf(IdentityNotOwned);
    });

    it('sends nothing when the right to the call has ended', async () => {
      const before = await harness.identities();
      const failure = gateway.createIdentity({ ...call, rightEndsAt: 1 });
      await expect(failure).rejects.toBeInstanceOf(UpstreamUnavailable);
      expect(await harness.identities()).toHaveLength(before.length);
    });

    it('refuses a resource that is not configured', async () => {
      const failure = gateway.createIdentity({ ...call, resource: 'nowhere' });
      await expect(failure).rejects.toBeInstanceOf(ResourceNotConfigured);
    });

    it('reports an unknown outcome when the response to a create is lost', async () => {
      const before = await harness.identities();
      await harness.loseNextResponse('create');
      await expect(gateway.createIdentity(call)).rejects.toBeInstanceOf(UpstreamOutcomeUnknown);
      expect(await harness.identities()).toHaveLength(before.length + 1);
      expect(new UpstreamOutcomeUnknown()).toBeInstanceOf(UpstreamUnavailable);
    });

    it('exchanges the Teams token of the caller, and no other', async () => {
      const callers = await harness.teamsToken();
      const exchanged = await gateway.exchangeTeamsToken(call, callers);
      expect(exchanged.expiresOn.getTime()).toBeGreaterThan(Date.now());
      expect(exchanged.communicationUserId).toBe(`8:orgid:${callers.subject}`);
      for (const wrong of [
        { subject: randomUUID() },
        { clientApp: randomUUID() },
        { teamsUserToken: 'none' },
      ]) {
        const failure = gateway.exchangeTeamsToken(call, { ...callers, ...wrong });
        await expect(failure).rejects.toBeInstanceOf(TeamsTokenRefused);
      }
    });

    it.each([
      ['teams-extension', '2025-06-30', ''],
      ['entra', '2025-03-02-preview', 'wf_'],
    ] as const)('exchanges the Entra token of a user: %s', async (exchange, version, mark) => {
      for (const resource of harness.resources.names()) {
        const inResource = { ...call, resource };
        const user = await harness.entraToken(exchange);
        const wanted = { exchange, version, ...user };
        if (exchange === 'teams-extension') {
          const failure = gateway.exchangeEntraToken(inResource, wanted);
          await expect(failure).rejects.toBeInstanceOf(AccessNotAssigned);
          await gateway.putAssignment(inResource, {
            ...user,
            principalType: 'user',
            clientIds: [],
          });
        }
        const { evidence, ...exchanged } = await gateway.exchangeEntraToken(inResource, wanted);
        const { immutableResourceId } = harness.resources.find(resource);
        const { tenant, objectId } = user;
        expect(exchanged).toEqual({
          token: expect.any(String) as string,
          expiresOn: expect.any(Date) as Date,
          communicationUserId: `8:acs:${immutableResourceId}_${mark}${tenant}_${objectId}`,
        });
        expect(exchanged.expiresOn.getTime()).toBeGreaterThan(Date.now());
        expect(evidence.correlationVector).toEqual(expect.any(String));
        const failure = gateway.exchangeEntraToken(inResource, { ...wanted, entraToken: 'none' });
        await expect(failure).rejects.toBeInstanceOf(EntraTokenRefused);
        await gateway.deleteAssignment(inResource, user);
      }
    });

    describe('with an assignment of Teams Phone extensibility', () => {
      const newHolder = () => ({ tenant: newGuid(), objectId: newGuid() });

      it.each(['user', 'teamsResourceAccount'] as const)(
        'creates, reads, replaces and deletes that of a %s, also twice',
        async (principalType) => {
          const holder = newHolder();
          const first = { ...holder, principalType, clientIds: [] };
          const next = { ...first, clientIds: [newGuid(), newGuid()] };
          const read = async () => (await gateway.readAssignment(call, holder)).assignment;
          expect(await read()).toBeUndefined();
          for (const assignment of [first, first, next]) {
            const { evidence } = await gateway.putAssignment(call, assignment);
            expect(evidence.correlationVector).toEqual(expect.any(String));
            expect(await read()).toEqual(assignment);
          }
          await gateway.deleteAssignment(call, holder);
          await gateway.deleteAssignment(call, holder);
          expect(await read()).toBeUndefined();
        },
      );

      it('keeps those of two resources apart', async () => {
        const [one = '', other = ''] = harness.resources.names();
        const holder = newHolder();
        await gateway.putAssignment(
          { ...call, resource: one },
          { ...holder, principalType: 'user', clientIds: [] },
        );
        const { assignment } = await gateway.readAssignment({ ...call, resource: other }, holder);
        expect(assignment).toBeUndefined();
      });

      it('sends nothing when the right to the call has ended', async () => {
        const assignment = { ...newHolder(), principalType: 'user', clientIds: [] } as const;
        const failure = gateway.putAssignment({ ...call, rightEndsAt: 1 }, assignment);
        await expect(failure).rejects.toBeInstanceOf(UpstreamUnavailable);
        expect((await gateway.readAssignment(call, assignment)).assignment).toBeUndefined();
      });
    });
  });
}
