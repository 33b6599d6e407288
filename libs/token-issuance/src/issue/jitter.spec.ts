import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Grant } from '../policy/issuance-policy.js';
import { jitteredLifetime } from './jitter.js';

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
  it('varies a lifetime that was not requested by a tenth', () => {
    const lifetimes = Array.from({ length: 500 }, () => jitteredLifetime(grant({})));
    expect(Math.min(...lifetimes)).toBeGreaterThanOrEqual(540);
    expect(Math.max(...lifetimes)).toBeLessThanOrEqual(660);
    expect(new Set(lifetimes).size).toBeGreaterThan(50);
  });

  it('does not vary a requested lifetime, nor one of a token that is not cached', () => {
    for (const change of [{ isLifetimeRequested: true }, { isReusable: false }]) {
      expect(new Set(Array.from({ length: 50 }, () => jitteredLifetime(grant(change))))).toEqual(
        new Set([600]),
      );
    }
  });

  it('stays within the limits of the rule', () => {
    const minutes = fc.integer({ min: 60, max: 1440 });
    fc.assert(
      fc.property(minutes, minutes, minutes, (...three) => {
        const [shortest, expiresInMinutes, longest] = three.sort((a, b) => a - b);
        const lifetimeMinutes = { shortest, longest };
        const lifetime = jitteredLifetime(grant({ expiresInMinutes, lifetimeMinutes }));
        return lifetime >= shortest && lifetime <= longest && Number.isInteger(lifetime);
      }),
    );
  });
});
