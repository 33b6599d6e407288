import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../../..');

/**
 * The files that compute with the time of day, by the only reasons for it. Waits, ages, cooldowns and
 * deadlines of the process use `clock.monotonicNow()`: otherwise a clock that was ahead and is set back
 * stretches them by the difference.
 */
const FILES = {
  'it is stored or recorded': [
    'libs/audit/src/trail/aggregating-recorder.ts',
    'libs/audit/src/trail/postgres-audit-trail.ts',
    'libs/identity-mapping/src/lifecycle/identity-linking.ts',
    'libs/platform/src/logging/line-limiter.ts',
    'libs/teams-phone/src/assignment-reconciliation.ts',
    'libs/teams-phone/src/teams-phone-assignments.ts',
  ],
  'it is sent to others': [
    'libs/audit-delivery/src/sinks/webhook-sink.ts',
    'libs/visitors/src/invitations.service.ts',
    'libs/witness/src/witness.ts',
  ],
  'it is compared with a time that is stored or that others have sent': [
    'apps/api/src/revocations/revocation-requests.ts',
    'libs/audit-delivery/src/delivery/sink-overview.ts',
    'libs/audit-delivery/src/delivery/sink-worker.ts',
    'libs/audit/src/health/witness-overview.ts',
    'libs/audit/src/query/token-tracer.ts',
    'libs/audit/src/witness/checkpoint-cosigning.ts',
    'libs/audit/src/witness/witness-client.ts',
    'libs/authentication/src/entra/entra-token-verifier.ts',
    'libs/authentication/src/openid/open-id-token-verifier.ts',
    'libs/secrets/src/database-credential/settings-database-credential.ts',
    'libs/secrets/src/key-vault/key-vault-reader.ts',
    'libs/secrets/src/key-vault/key-vault-secret-store.ts',
    'libs/token-issuance/src/metrics.ts',
    'libs/visitors/src/invitation-signer.ts',
  ],
  'all replicas count in the same minutes': [
    'libs/authentication/src/rate-limit/postgres-rate-limit-store.ts',
    'libs/authentication/src/rate-limit/rate-limiter.ts',
  ],
  'it is what is measured': [
    'libs/audit/src/log/clock-bound.ts',
    'libs/platform/src/time/clock.ts',
  ],
};

/** The time of day in a computation or under a name, rather than as the argument of a call. */
const COMPUTES =
  /[-+*/%<>=:]\s*(?:[\w#]+\.)*(?:clock|Date)\.now\(\)|(?:clock|Date)\.now\(\)\s*[-+*/%<>]/;

describe('the time of day', () => {
  it('is computed with in the files alone that store it, send it or compare it with such a time', () => {
    const files = globSync(['libs/*/src/**/*.ts', 'apps/api/src/**/*.ts'], { cwd: root })
      .map((file) => file.replaceAll('\\', '/'))
      // The client runs in the page of a caller, which has no clock of this service.
      .filter((file) => !/\.(?:spec|contract)\.ts$|\/testing\/|^libs\/client\//.test(file))
      .filter((file) => COMPUTES.test(readFileSync(resolve(root, file), 'utf8')));
    expect(files.sort()).toEqual(Object.values(FILES).flat().sort());
  });
});
