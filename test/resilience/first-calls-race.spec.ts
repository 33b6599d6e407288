import { describe, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';

// Two hundred calls at once on two busy cores: the promise is about who wins, not about how fast.
const service = runningService({
  replicas: 2,
  environment: {
    ACS_TIMEOUT_MS: '20000',
    DATABASE_TIMEOUT_MS: '15000',
    AUDIT_TIMEOUT_MS: '20000',
    MAPPING_WAIT_MS: '30000',
    MAPPING_LEASE_MS: '40000',
  },
});

describe('first calls that race over two api processes', () => {
  it('get one identity for one person: 200 calls, 200 tokens', async () => {
    const token = await service().token('alice');
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, n) =>
        call(service().urlOf(n % 2), 'post', '/v1/me/tokens', { token, body: {} }),
      ),
    );
    const refusals = answers
      .filter(({ status }) => status !== 200)
      .map(({ body }) => body as unknown);
    expect(refusals).toEqual([]);
    const ids = answers.map(({ body }) => body.identity.communicationUserId as string);
    expect(new Set(ids).size).toBe(1);
    const atAcs = await service().emulator.control.listIdentities();
    expect(atAcs.map(({ id }) => id)).toEqual([ids[0]]);
    const entries = await service().auditEntries();
    expect(entries.filter(({ action }) => action === 'token.issue')).toHaveLength(200);
    expect(entries.filter(({ action }) => action === 'identity.create')).toHaveLength(1);
  });

  it('get one identity each for many people', async () => {
    const people = await Promise.all(
      Array.from({ length: 20 }, async () =>
        service().emulator.control.mintToken({
          person: 'alice',
          claims: { oid: crypto.randomUUID() },
        }),
      ),
    );
    const answers = await Promise.all(
      people.flatMap((token, n) =>
        [0, 1, 2].map(async (m) =>
          call(service().urlOf((n + m) % 2), 'post', '/v1/me/tokens', { token, body: {} }),
        ),
      ),
    );
    const ids = new Set(answers.map(({ body }) => body.identity.communicationUserId as string));
    expect(ids.size).toBe(20);
    expect(await service().emulator.control.listIdentities()).toHaveLength(21);
  });
});
