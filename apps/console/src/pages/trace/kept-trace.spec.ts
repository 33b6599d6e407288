import { describe, expect, it } from 'vitest';
import type { Trace } from '../../api/schemas.js';
import { type Traced, tracedFingerprint, tracedId } from '../../shell/recognise.js';
import { keptOf, tracedBefore } from './kept-trace.js';

const secret: Traced = {
  by: { token: 'secret' },
  what: { is: 'token', isOfCaller: false, tokenId: undefined, tokens: 1 },
};

const trace: Trace = {
  entries: [],
  liveSiblings: [],
  untriedKeys: [],
  tokens: [
    {
      fingerprint: 'print',
      status: 'live',
      expiresOn: '2025-11-27T09:00:00Z',
      canRevoke: true,
    },
  ],
};

describe('what is kept of a trace', () => {
  it('is the fingerprint of a token that was found, and never the token', () => {
    expect(keptOf(secret)).toEqual({});
    expect(keptOf(secret, { ...trace, tokens: [] })).toEqual({});
    const kept = keptOf(secret, trace);
    expect(tracedBefore(kept)).toEqual(tracedFingerprint('print'));
  });

  it.each([tracedFingerprint('print'), tracedId('uti')])('is $by, which is no secret', (traced) => {
    expect(tracedBefore(keptOf(traced))).toEqual(traced);
  });

  it('is nothing before the first trace', () => {
    expect(tracedBefore({})).toBeUndefined();
  });
});
