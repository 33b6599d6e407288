import { describe, expect, it } from 'vitest';
import { startRevocation, type StartOptions } from './revocations.js';

const app = '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40002';
const options = { databaseUrl: 'postgres://localhost/none', operator: 'spec', reason: 'a leak' };

describe('acs-identity revocations start', () => {
  it.each<[string, Partial<StartOptions>, string]>([
    ['no filter', {}, '--everyone'],
    ['everyone and a filter', { everyone: true, tenant: 'contoso' }, '--everyone'],
    ['an empty filter', { clientApp: '' }, 'empty'],
    ['a client application with a space', { clientApp: `${app} ` }, '--client-app'],
    ['a client application in braces', { clientApp: `{${app}}` }, '--client-app'],
    ['a tenant with an invisible character', { tenant: `${app}\u200b` }, '--tenant'],
    ['an empty reason', { everyone: true, reason: ' ' }, '--reason'],
    ['a reason of two lines', { everyone: true, reason: 'a\nb' }, '--reason'],
    ['a reason that is too long', { everyone: true, reason: 'x'.repeat(501) }, '--reason'],
    ['an invitation that is no UUID', { invitation: 'meeting' }, '--invitation'],
    [
      'an invitation with another filter',
      { invitation: '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40001', resource: 'x' },
      '--tenant only',
    ],
    ['no time', { issuedBefore: 'noon' }, '--issued-before'],
    ['a time without a zone', { issuedBefore: '2026-01-31T12:00' }, '--issued-before'],
    ['a time that is none', { issuedBefore: '2026-02-31T25:00:00Z' }, '--issued-before'],
    ['a time long ago', { issuedBefore: '2020-01-31T12:00:00Z' }, '24 hours'],
    ['a time to come', { issuedBefore: '2999-01-31T12:00:00Z' }, 'future'],
  ])('refuses %s before it connects', async (_what, faulty, why) => {
    await expect(startRevocation({ ...options, ...faulty }, {})).rejects.toThrow(why);
  });
});
