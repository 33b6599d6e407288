import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';
import { IdentitiesApi } from '../support/identities-api.js';

const REPLICAS = 3;
const service = runningService({ replicas: REPLICAS });
const directory = new IdentitiesApi(service);

async function create(replica: number, token: string, subject: string): Promise<string> {
  const answer = await fetch(`${service().urlOf(replica)}/v1/identities`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'user', subject }),
  });
  const { communicationUserId } = (await answer.json()) as { communicationUserId: string };
  expect([200, 201]).toContain(answer.status);
  return communicationUserId;
}

// test/chaos/identity-race.ts does the same with a thousand callers.
describe('first calls that race over three replicas', () => {
  it('get one identity when they are for one subject', async () => {
    const token = await service().token('ada');
    const before = (await service().emulator.control.listIdentities()).length;
    const ids = await Promise.all(
      Array.from({ length: 90 }, async (_, n) => create(n % REPLICAS, token, 'the-one')),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await service().emulator.control.listIdentities()).toHaveLength(before + 1);
  });

  it('get as many identities as there are subjects', async () => {
    const token = await service().token('ada');
    const subjects = Array.from({ length: 25 }, () => randomUUID());
    const ids = await Promise.all(
      [0, 1, 2, 0].flatMap((replica) =>
        subjects.map(async (subject) => create(replica, token, subject)),
      ),
    );
    expect(new Set(ids).size).toBe(25);
    expect((await directory.export()).length).toBe(26);
    expect(await service().emulator.control.listIdentities()).toHaveLength(26);
  });
});
