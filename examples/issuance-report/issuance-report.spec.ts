import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticator } from '#libs/authentication';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { createApi } from '../../apps/api/src/create-api.js';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { HeaderAuthenticator } from '../support/header-authenticator.js';
import { memoryPorts } from '../support/memory-ports.js';
import { IssuanceReportModule } from './issuance-report.module.js';

const CLIENT_APP = '00000000-0000-4000-8000-00000000000a';

let database: TestDatabase;
let api: NestFastifyApplication;

beforeAll(async () => {
  database = await testDatabase();
  api = await createApi(
    { ...placeholderEnvironment, DATABASE_URL: database.serviceUrl },
    {
      modules: [IssuanceReportModule],
      replace: [...memoryPorts(), { provide: Authenticator, useValue: new HeaderAuthenticator() }],
    },
  );
});
afterAll(async () => {
  await api.close();
  await database.close();
});

async function get(url: string, caller?: string) {
  const headers = caller === undefined ? {} : { 'x-caller': caller };
  const response = await api.inject({ url, headers });
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
}

describe('GET /v1/issuance-report', () => {
  it('200: counts the entries that the listener saw', async () => {
    for (const subject of ['alice', 'bob']) {
      const issued = await api.inject({
        method: 'POST',
        url: '/v1/me/tokens',
        headers: { 'x-caller': `${subject} CommunicationToken.Issue` },
      });
      expect(issued.statusCode).toBe(200);
    }
    const report = await get('/v1/issuance-report', 'grace IssuanceReport.Read.All');
    expect(report).toEqual({ status: 200, body: { tokensByClientApp: { [CLIENT_APP]: 2 } } });
  });

  it('200: leaves an entry with the action of the host, which the audit routes find', async () => {
    const found = await get(
      '/v1/audit/entries?action=x-issuance-report.read',
      'grace AuditLog.Read.All',
    );
    expect(found).toMatchObject({
      status: 200,
      body: { items: [{ entry: { action: 'x-issuance-report.read', outcome: 'success' } }] },
    });
  });

  it('401 and 403: is closed to callers without its permission', async () => {
    expect(await get('/v1/issuance-report')).toMatchObject({ status: 401 });
    const denied = await get('/v1/issuance-report', 'mallory AuditLog.Read.All');
    expect(denied.status).toBe(403);
    expect(denied.body.detail).toContain('IssuanceReport.Read.All');
  });
});
