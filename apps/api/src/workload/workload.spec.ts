import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { listRouteAccess } from '#libs/authentication';
import { placeholderEnvironment } from '../../../../scripts/placeholder-environment.js';
import { createApi } from '../create-api.js';
import { type Workload, workloadOf } from './workload.js';

/** Every route with the workload that it must have. A new route is added here on purpose. */
const EXPECTED: Readonly<Record<string, Workload>> = {
  'GET /v1/me': 'issuing',
  'POST /v1/me/tokens': 'issuing',
  'POST /v1/me/tokens/revoke': 'issuing',
  'POST /v1/me/sign-out': 'issuing',
  'POST /v1/me/teams-tokens': 'issuing',
  'GET /v1/me/identity': 'issuing',
  'POST /v1/identities': 'issuing',
  'PATCH /v1/identities/:id': 'issuing',
  'DELETE /v1/identities/:id': 'issuing',
  'POST /v1/identities/:id/tokens': 'issuing',
  'POST /v1/identities/:id/tokens/revoke': 'issuing',
  'GET /v1/identities': 'reading',
  'GET /v1/identities/:id': 'reading',
  'POST /v1/identities/lookup': 'reading',
  'POST /v1/identities/erase': 'issuing',
  'POST /v1/identities/import': 'bulk',
  'POST /v1/teams-phone/assignments/import': 'bulk',
  'GET /v1/teams-phone/assignments/export': 'bulk',
  'GET /v1/identities/export': 'bulk',
  'GET /v1/teams-phone/assignments': 'reading',
  'GET /v1/teams-phone/assignments/:tenantId/:objectId': 'reading',
  'PUT /v1/teams-phone/assignments/:tenantId/:objectId': 'issuing',
  'DELETE /v1/teams-phone/assignments/:tenantId/:objectId': 'issuing',
  'POST /v1/revocations': 'revoking',
  'GET /v1/revocations/:id': 'reading',
  'POST /v1/invitations': 'issuing',
  'DELETE /v1/invitations/:id': 'issuing',
  'POST /v1/visitors/tokens': 'issuing',
  'POST /v1/policy/evaluate': 'reading',
  'GET /v1/audit/entries': 'reading',
  'POST /v1/audit/entries/search': 'reading',
  'GET /v1/audit/entries/:id': 'reading',
  'GET /v1/audit/entries/at/:index': 'reading',
  'GET /v1/audit/entries/:id/proof': 'reading',
  'GET /v1/audit/statistics': 'reading',
  'GET /v1/audit/export': 'bulk',
  'GET /v1/audit/follow': 'following',
  'GET /v1/audit/health': 'reading',
  'POST /v1/audit/trace': 'reading',
  'POST /v1/audit/erase': 'bulk',
  'GET /v1/audit/log/checkpoint': 'reading',
  'GET /v1/audit/log/checkpoint/witnessed': 'reading',
  'GET /v1/audit/log/keys': 'reading',
  'GET /v1/audit/log/tile/*': 'reading',
  'GET /v1/audit/log/tile/entries/*': 'reading',
  'GET /health/live': 'operations',
  'GET /health/ready': 'operations',
  'GET /metrics': 'operations',
};

function workloads(app: INestApplicationContext): Record<string, Workload | undefined> {
  const handlers = new Map<string, object>();
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values()) {
      if (typeof metatype !== 'function') continue;
      const prototype = metatype.prototype as Record<string, unknown>;
      for (const name of Object.getOwnPropertyNames(prototype)) {
        const handler = prototype[name];
        if (typeof handler === 'function') handlers.set(`${metatype.name}.${name}`, handler);
      }
    }
  }
  return Object.fromEntries(
    listRouteAccess(app).map(({ method, path, handler }) => [
      `${method} ${path}`,
      workloadOf(handlers.get(handler) ?? {}),
    ]),
  );
}

describe('the workload of routes', () => {
  it.each(['false', 'true'])('is declared for each, with AUDIT_LOG_PUBLIC=%s', async (isPublic) => {
    const app = await createApi({ ...placeholderEnvironment, AUDIT_LOG_PUBLIC: isPublic });
    try {
      expect(workloads(app)).toEqual(EXPECTED);
    } finally {
      await app.close();
    }
  });
});
