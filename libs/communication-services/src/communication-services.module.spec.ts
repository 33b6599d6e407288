import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  databaseSettings,
  PlatformModule,
  platformSettings,
  ReadinessChecks,
  SettingsModule,
  SystemClock,
} from '#libs/platform';
import { MemorySecretStore, secretsSettings, SecretStore } from '#libs/secrets';
import { AcsCommunicationIdentityGateway } from './acs/acs-communication-identity-gateway.js';
import { CommunicationIdentityGateway } from './communication-identity-gateway.js';
import { CommunicationServicesModule } from './communication-services.module.js';
import { communicationServicesSettings } from './settings.js';
import { RequestBudget } from '#libs/request-budget';
import { SharedRequestBudget } from '#libs/request-budget';

const environment = {
  LOG_LEVEL: 'silent',
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  KEY_VAULT_URL: 'https://127.0.0.1:1',
  ACS_ENDPOINT: 'https://127.0.0.1:1',
  ACS_RESOURCE_ID: '00000001-aaaa-4bbb-8ccc-000000000001',
  ACS_CREDENTIAL_SECRET: 'acs',
};
const parts = [platformSettings, databaseSettings, secretsSettings, communicationServicesSettings];

describe('CommunicationServicesModule', () => {
  const secrets = new MemorySecretStore(new SystemClock());
  const building = Test.createTestingModule({
    imports: [
      SettingsModule.forRoot(parts, environment),
      PlatformModule,
      CommunicationServicesModule,
    ],
  })
    .overrideProvider(SecretStore)
    .useValue(secrets);
  let application: Awaited<ReturnType<typeof building.compile>>;
  beforeAll(async () => {
    application = await building.compile();
    await application.init();
  });
  afterAll(async () => {
    await application.close();
  });

  it('calls ACS within the budget that all replicas share', () => {
    const gateway = application.get(CommunicationIdentityGateway);
    expect(gateway).toBeInstanceOf(AcsCommunicationIdentityGateway);
    expect(application.get(RequestBudget)).toBeInstanceOf(SharedRequestBudget);
  });

  it('is ready once the credential can be read', async () => {
    const readiness = application.get(ReadinessChecks);
    const before = await readiness.ask();
    expect(before.secrets).toEqual({ isReady: false, reason: 'SecretNotFound' });
    secrets.put('acs', Buffer.alloc(32, 1).toString('base64'));
    const after = await readiness.ask();
    expect(after.secrets).toEqual({ isReady: true });
  });
});
