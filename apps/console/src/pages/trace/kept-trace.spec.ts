import { describe, expect, it } from 'vitest';
import type { Trace } from '../../api/schemas.js';
import { keptOf, tracedBefore } from './kept-trace.js';

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
    expect(keptOf({ token: 'secret' })).toEqual({});
    expect(keptOf({ token: 'secret' }, { ...trace, tokens: [] })).toEqual({});
    const kept = keptOf({ token: 'secret' }, trace);
    expect(tracedBefore(kept)).toEqual({ fingerprint: 'print' });
  });

  it.each([{ fingerprint: 'print' }, { tokenId: 'uti' }])('is %j, which is no secret', (traced) => {
    expect(tracedBefore(keptOf(traced))).toEqual(traced);
  });

  it('is nothing before the first trace', () => {
    expect(tracedBefore({})).toBeUndefined();
  });
});
