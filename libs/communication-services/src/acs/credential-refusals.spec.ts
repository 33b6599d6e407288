import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import { UpstreamCredentialRefused } from '../errors.js';
import { CredentialRefusals } from './credential-refusals.js';

describe('CredentialRefusals', () => {
  it('count a refusal for a minute, also when the clock is set back', async () => {
    const clock = new ManualClock();
    const refusals = new CredentialRefusals(clock);
    refusals.note('default', 'one', new UpstreamCredentialRefused());
    expect(refusals.of('default', 'one')).toBe('acs-credential-refused');
    expect(refusals.of('default', 'two')).toBeUndefined();
    clock.step(-3_600_000);
    await clock.advance(60_000);
    expect(refusals.of('default', 'one')).toBeUndefined();
  });
});
