import { describe, expect, it } from 'vitest';
import { adaptLimit } from './adaptive-limit.js';

const full = { limitFactor: 1, limitFactorAt: 0, blockedUntil: 0 };
const windowMs = 10_000;

describe('adaptLimit', () => {
  it('halves the limit and pauses for a tenth of the window when ACS throttled a call', () => {
    const adapted = adaptLimit(full, {}, { now: 5000, windowMs });
    expect(adapted).toEqual({ limitFactor: 0.5, limitFactorAt: 5000, blockedUntil: 6000 });
  });

  it('pauses for four windows at most, whatever the answer said', () => {
    const adapted = adaptLimit(full, { retryAfterMs: 86_400_000 }, { now: 5000, windowMs });
    expect(adapted.blockedUntil).toBe(5000 + 4 * windowMs);
  });

  it('shortens a pause of before, also one of a clock that was set back', () => {
    const stored = { ...full, blockedUntil: 999_999_999 };
    for (const throttled of [undefined, {}]) {
      const adapted = adaptLimit(stored, throttled, { now: 5000, windowMs });
      expect(adapted.blockedUntil).toBe(5000 + 4 * windowMs);
    }
  });

  it("pauses for ACS's Retry-After when that is longer", () => {
    const adapted = adaptLimit(full, { retryAfterMs: 3000 }, { now: 5000, windowMs });
    expect(adapted.blockedUntil).toBe(8000);
  });

  it('does not halve again for throttling during the pause', () => {
    const once = adaptLimit(full, { retryAfterMs: 3000 }, { now: 5000, windowMs });
    const twice = adaptLimit(once, { retryAfterMs: 3000 }, { now: 5000, windowMs });
    expect(twice.limitFactor).toBe(0.5);
  });

  it('keeps a tenth of the limit however often calls are throttled', () => {
    let limit = full;
    for (let now = 0; now < 100_000; now += 1000) limit = adaptLimit(limit, {}, { now, windowMs });
    expect(limit.limitFactor).toBe(0.1);
  });

  it('raises the limit by a tenth of its full value per window', () => {
    const halved = { limitFactor: 0.5, limitFactorAt: 0, blockedUntil: 0 };
    const later = adaptLimit(halved, undefined, { now: 20_000, windowMs });
    expect(later.limitFactor).toBeCloseTo(0.7);
    expect(adaptLimit(halved, undefined, { now: 90_000, windowMs }).limitFactor).toBe(1);
  });
});
