import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditLogService } from '#libs/audit';
import { canonicalName, type Principal } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { memoryPorts } from '../support/memory-ports.js';
import { CallCenterModule } from './call-center.module.js';
import { CallCenterService } from './call-center.service.js';

const agent: Principal = {
  kind: 'user',
  issuer: 'https://login.example',
  tenant: canonicalName(placeholderEnvironment.ENTRA_TENANT_ID ?? ''),
  subject: canonicalName('00000000-0000-4000-8000-0000000000a1'),
  permissions: ['CommunicationToken.Issue'],
  isGuest: false,
};

let database: TestDatabase;
let host: INestApplicationContext;

beforeAll(async () => {
  database = await testDatabase();
  const environment = { ...placeholderEnvironment, DATABASE_URL: database.serviceUrl };
  host = await NestFactory.createApplicationContext(
    CallCenterModule.forRoot(environment, { replace: memoryPorts() }),
    { logger: false, abortOnError: false },
  );
});
afterAll(async () => {
  await host.close();
  await database.close();
});

describe('a host that contains the service', () => {
  it('issues tokens with an audit entry each, and one identity for each agent', async () => {
    const callCenter = host.get(CallCenterService);
    const first = await callCenter.startShift(agent);
    const second = await callCenter.startShift(agent);
    expect(second.mapping.communicationUserId).toBe(first.mapping.communicationUserId);
    const { items } = await host
      .get(AuditLogService, { strict: false })
      .search({ actor: agent }, { action: 'token.issue', limit: 10 });
    const recorded = items.map(({ entry }) => entry.id);
    expect(recorded).toEqual([second.auditEntry.id, first.auditEntry.id]);
  });
});
