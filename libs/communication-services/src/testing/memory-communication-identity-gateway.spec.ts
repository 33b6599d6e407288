import { randomUUID } from 'node:crypto';
import { SystemClock } from '#libs/platform';
import { newGuid } from '#libs/platform/testing';
import { UpstreamOutcomeUnknown } from '../errors.js';
import { CommunicationResources } from '../resources/communication-resources.js';
import { describeGateway } from './communication-identity-gateway.contract.js';
import { MemoryCommunicationIdentityGateway } from './memory-communication-identity-gateway.js';

describeGateway('MemoryCommunicationIdentityGateway', async () => {
  const resources = new CommunicationResources(
    ['default', 'second'].map((name) => ({
      name,
      endpoint: `https://${name}.example`,
      immutableResourceId: randomUUID(),
      tenants: [],
    })),
    'default',
  );
  const gateway = new MemoryCommunicationIdentityGateway(resources, new SystemClock());
  return Promise.resolve({
    gateway,
    resources,
    loseNextResponse: async (operation) => {
      gateway.failNext(operation, new UpstreamOutcomeUnknown(), true);
      return Promise.resolve();
    },
    identities: async () => Promise.resolve([...gateway.identities.keys()]),
    isValid: async (token) => Promise.resolve(gateway.isValid(token)),
    entraToken: async () => {
      gateway.entraTokens.set('entra', new Date(Date.now() + 3_600_000));
      return Promise.resolve({ entraToken: 'entra', tenant: newGuid(), objectId: newGuid() });
    },
    teamsToken: async () => {
      const owner = { clientApp: randomUUID(), subject: randomUUID() };
      gateway.teamsTokens.set('teams', { ...owner, expiresOn: new Date(Date.now() + 3_600_000) });
      return Promise.resolve({ ...owner, teamsUserToken: 'teams' });
    },
  });
});
