import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { toMassRevocation } from './revocation-responses.js';

const HOUR_MS = 3_600_000;

it.each([
  ['running', undefined],
  ['completed', 24],
  ['expired', 25],
] as const)('a mass revocation is %s when it ended after %s hours', (status, hours) => {
  const startedAt = new Date('2026-11-27T12:00:00Z');
  const finishedAt =
    hours === undefined ? undefined : new Date(startedAt.getTime() + hours * HOUR_MS);
  const counts = { identities: 3, assignments: 0 };
  const revocation = { id: randomUUID(), number: 1, filter: {}, reason: 'a leak', startedAt };
  const remaining = { ...counts, seconds: 1 };
  const answer = toMassRevocation({
    revocation: { ...revocation, ...counts, finishedAt },
    remaining,
  });
  expect(answer.status).toBe(status);
});
