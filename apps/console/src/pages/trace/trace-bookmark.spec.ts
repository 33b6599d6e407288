import { describe, expect, it } from 'vitest';
import type { Trace } from '../../api/schemas.js';
import { type Traced, tracedFingerprint, tracedId } from '../../shell/recognise.js';
import { bookmarkOf, tracedFrom } from './trace-bookmark.js';

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

describe('the bookmark of a trace', () => {
  it('is the fingerprint of a token that was found, and never the token', () => {
    expect(bookmarkOf(secret)).toEqual({});
    expect(bookmarkOf(secret, { ...trace, tokens: [] })).toEqual({});
    const bookmark = bookmarkOf(secret, trace);
    expect(tracedFrom(bookmark)).toEqual(tracedFingerprint('print'));
  });

  it.each([tracedFingerprint('print'), tracedId('uti')])('is $by, which is no secret', (traced) => {
    expect(tracedFrom(bookmarkOf(traced))).toEqual(traced);
  });

  it('is nothing before the first trace', () => {
    expect(tracedFrom({})).toBeUndefined();
  });
});
