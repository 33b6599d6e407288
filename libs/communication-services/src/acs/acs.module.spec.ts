import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Global, Module } from '@nestjs/common';
import {
  PinoLoggerModule,
  PlatformModule,
  platformSettings,
  ReadinessChecks,
  SettingsModule,
  SystemClock,
  SystemClockModule,
} from '#libs/platform';
import { RequestBudget } from '#libs/request-budget';
import { UnboundedRequestBudget } from '#libs/request-budget/testing';
import { AzureCredential, SecretStore } from '#libs/secrets';
import { MemorySecretStore } from '#libs/secrets/testing';
import { communicationServicesSettings } from '../settings.js';
import { AcsModule } from './acs.module.js';

const environment = {
  LOG_LEVEL: 'silent',
  ACS_ENDPOINT: 'https://127.0.0.1:1',
  ACS_RESOURCE_ID: '00000001-aaaa-4bbb-8ccc-000000000001',
  ACS_CREDENTIAL_SECRET: 'acs',
};

describe('AcsModule', () => {
  const secrets = new MemorySecretStore(new SystemClock());
  const ports = [
    { provide: SecretStore, useValue: secrets },
    { provide: AzureCredential, useValue: {} },
    { provide: RequestBudget, useValue: new UnboundedRequestBudget() },
  ];
  @Global()
  @Module({ providers: ports, exports: ports.map(({ provide }) => provide) })
  class MemoryAdaptersModule {}

  const building = Test.createTestingModule({
    imports: [
      SettingsModule.forRoot([platformSettings, communicationServicesSettings], environment),
      PlatformModule,
      SystemClockModule,
      PinoLoggerModule,
      MemoryAdaptersModule,
      AcsModule,
    ],
  });
  let application: Awaited<ReturnType<typeof building.compile>>;
  beforeAll(async () => {
    application = await building.compile();
    await application.init();
  });
  afterAll(async () => {
    await application.close();
  });

  it('is ready once the credential can be read', async () => {
    const readiness = application.get(ReadinessChecks);
    const before = await readiness.ask();
    expect(before.secrets).toEqual({
      isReady: false,
      reason: 'resource default: secret-missing acs',
    });
    secrets.put('acs', Buffer.alloc(32, 1).toString('base64'));
    const after = await readiness.ask();
    expect(after.secrets).toEqual({ isReady: true });
  });
});
