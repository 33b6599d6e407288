import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Grant } from '../policy/issuance-policy.js';
import { jitteredLifetime } from './jitter.js';
import { reusableUntil } from '../cache/token-cache.js';

function grant(change: Partial<Grant>): Grant {
  return {
    scopes: ['voip'],
    expiresInMinutes: 600,
    lifetimeMinutes: { shortest: 60, longest: 1440 },
    isLifetimeRequested: false,
    isReusable: true,
    tokensPerHour: undefined,
    ...change,
  };
}

describe('jitteredLifetime', () => {
  it('spreads lifetimes that nobody asked for, by a tenth', () => {
    const lifetimes = Array.from({ length: 500 }, () => jitteredLifetime(grant({})));
    expect(Math.min(...lifetimes)).toBeGreaterThanOrEqual(540);
    expect(Math.max(...lifetimes)).toBeLessThanOrEqual(660);
    expect(new Set(lifetimes).size).toBeGreaterThan(50);
  });

  it('gives exactly what was asked for, and where nothing is kept exactly what the rule says', () => {
    for (const change of [{ isLifetimeRequested: true }, { isReusable: false }]) {
      expect(new Set(Array.from({ length: 50 }, () => jitteredLifetime(grant(change))))).toEqual(
        new Set([600]),
      );
    }
  });

  it('never leaves the bounds of the rule', () => {
    const minutes = fc.integer({ min: 60, max: 1440 });
    fc.assert(
      fc.property(minutes, minutes, minutes, (...three) => {
        const [shortest, expiresInMinutes, longest] = three.sort((a, b) => a - b);
        const given = grant({ expiresInMinutes, lifetimeMinutes: { shortest, longest } });
        const lifetime = jitteredLifetime(given);
        return lifetime >= shortest && lifetime <= longest && Number.isInteger(lifetime);
      }),
    );
  });
});

describe('reusableUntil', () => {
  it.each([
    [60, 40],
    [45, 30],
    [30, 15],
    [1440, 960],
    [20, 5],
    [10, -5],
  ])('lets a token of %i minutes be handed out for %i minutes', (lifetime, reusable) => {
    const issuedAt = Date.parse('2026-01-01T00:00:00Z');
    const until = reusableUntil(issuedAt, new Date(issuedAt + lifetime * 60_000));
    expect((until.getTime() - issuedAt) / 60_000).toBe(reusable);
  });
});
