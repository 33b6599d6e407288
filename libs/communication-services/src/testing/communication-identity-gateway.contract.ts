import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type {
  CommunicationIdentityGateway,
  GatewayCall,
} from '../communication-identity-gateway.js';
import type { CommunicationResources } from '../resources/communication-resources.js';
import {
  IdentityMissing,
  IdentityNotOwned,
  ResourceNotConfigured,
  TeamsTokenRefused,
  UpstreamOutcomeUnknown,
  UpstreamUnavailable,
} from '../errors.js';
import type { AcsOperation } from '#libs/request-budget';

export interface GatewayHarness {
  readonly gateway: CommunicationIdentityGateway;
  /** `default` and at least one more. */
  readonly resources: CommunicationResources;
  /** The next call of the operation is carried out, but its answer is lost. */
  loseNextAnswer(operation: AcsOperation): Promise<void>;
  /** Ids of all identities that exist. */
  identities(): Promise<readonly string[]>;
  /** A Teams token and whose it is. */
  teamsToken(): Promise<{ teamsUserToken: string; clientApp: string; subject: string }>;
}

/** What every gateway promises. */
export function describeGateway(name: string, start: () => Promise<GatewayHarness>): void {
  describe(`${name} as a gateway to ACS`, () => {
    let harness: GatewayHarness;
    let gateway: CommunicationIdentityGateway;
    beforeAll(async () => {
      harness = await start();
      gateway = harness.gateway;
    });
    const call: GatewayCall = { resource: 'default', request: { requestId: 'contract' } };
    const wish = { scopes: ['chat', 'voip'], expiresInMinutes: 60 };

    it('makes an identity of the resource that it was asked to use', async () => {
      for (const resource of harness.resources.names()) {
        const made = await gateway.createIdentity({ ...call, resource });
        const owner = harness.resources.ofCommunicationUserId(made.communicationUserId);
        expect(owner?.name).toBe(resource);
        expect(await harness.identities()).toContain(made.communicationUserId);
      }
    });

    it('makes an identity with its first token in one call', async () => {
      const made = await gateway.createIdentityWithToken(call, wish);
      expect(await harness.identities()).toContain(made.communicationUserId);
      expect(made.token).not.toBe('');
      expect(made.evidence.correlationVector).toEqual(expect.any(String));
      expect(made.evidence.secretVersion).toEqual(expect.any(String));
    });

    it('issues a token for as long as was asked', async () => {
      const { communicationUserId } = await gateway.createIdentity(call);
      const issued = await gateway.issueToken(call, { ...wish, communicationUserId });
      const minutes = (issued.expiresOn.getTime() - Date.now()) / 60_000;
      expect(minutes).toBeGreaterThan(55);
      expect(minutes).toBeLessThan(65);
    });

    it('deletes an identity, and a second time too', async () => {
      const { communicationUserId } = await gateway.createIdentity(call);
      await gateway.deleteIdentity(call, communicationUserId);
      await gateway.deleteIdentity(call, communicationUserId);
      expect(await harness.identities()).not.toContain(communicationUserId);
    });

    it('says that an identity is gone instead of issuing for it', async () => {
      const { communicationUserId } = await gateway.createIdentity(call);
      await gateway.deleteIdentity(call, communicationUserId);
      const failure = gateway.issueToken(call, { ...wish, communicationUserId });
      await expect(failure).rejects.toBeInstanceOf(IdentityMissing);
    });

    it('revokes the tokens of an identity, of one that is gone too', async () => {
      const { communicationUserId } = await gateway.createIdentity(call);
      await gateway.revokeTokens(call, communicationUserId);
      await gateway.deleteIdentity(call, communicationUserId);
      await gateway.revokeTokens(call, communicationUserId);
    });

    it.each([
      ['another configured resource', 1],
      ['an unknown resource', undefined],
    ])('refuses an identity of %s', async (_whose, position) => {
      const other = position === undefined ? undefined : harness.resources.names()[position];
      const owner =
        other === undefined ? randomUUID() : harness.resources.find(other).immutableResourceId;
      const foreign = `8:acs:${owner}_${randomUUID()}`;
      const issue = gateway.issueToken(call, { ...wish, communicationUserId: foreign });
      await expect(issue).rejects.toBeInstanceOf(IdentityNotOwned);
      await expect(gateway.revokeTokens(call, foreign)).rejects.toBeInstanceOf(IdentityNotOwned);
      await expect(gateway.deleteIdentity(call, foreign)).rejects.toBeInstanceOf(IdentityNotOwned);
    });

    it('refuses a resource that is not configured', async () => {
      const failure = gateway.createIdentity({ ...call, resource: 'nowhere' });
      await expect(failure).rejects.toBeInstanceOf(ResourceNotConfigured);
    });

    it('says that the outcome is unknown when the answer to a create is lost', async () => {
      const before = await harness.identities();
      await harness.loseNextAnswer('create');
      await expect(gateway.createIdentity(call)).rejects.toBeInstanceOf(UpstreamOutcomeUnknown);
      expect(await harness.identities()).toHaveLength(before.length + 1);
      expect(new UpstreamOutcomeUnknown()).toBeInstanceOf(UpstreamUnavailable);
    });

    it('exchanges the Teams token of the caller, and only of the caller', async () => {
      const own = await harness.teamsToken();
      const exchanged = await gateway.exchangeTeamsToken(call, own);
      expect(exchanged.expiresOn.getTime()).toBeGreaterThan(Date.now());
      for (const wrong of [
        { subject: randomUUID() },
        { clientApp: randomUUID() },
        { teamsUserToken: 'none' },
      ]) {
        const failure = gateway.exchangeTeamsToken(call, { ...own, ...wrong });
        await expect(failure).rejects.toBeInstanceOf(TeamsTokenRefused);
      }
    });
  });
}
