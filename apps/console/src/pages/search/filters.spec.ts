import { describe, expect, it } from 'vitest';
import { type Filter, readFilters, refusalOf, withoutHousekeeping } from './filters.js';

describe('the filters of an address', () => {
  it.each(['isGuest=maybe', 'isGuest=', 'colour=red', 'scope=voip&scope=chat'])(
    'are not understood when it has %s',
    (query) => {
      const [name] = query.split('=');
      expect(readFilters(new URLSearchParams(query), {}).faults).toEqual([name]);
    },
  );

  it('leave values of lists to the service, which knows the actions of a host', () => {
    const query = new URLSearchParams('action=x-order.ship&outcome=bogus');
    expect(readFilters(query, {}).faults).toEqual([]);
  });
});

describe('without housekeeping', () => {
  it('readings of the log and of secrets are left out', () => {
    const filters: Filter[] = [{ name: 'outcome', value: 'denied' }];
    expect(withoutHousekeeping(filters)).toEqual([
      ...filters,
      { name: 'actionNot', value: 'audit.read' },
      { name: 'actionNot', value: 'secret.read' },
    ]);
  });

  it.each(['requestId', 'traceId', 'tokenId', 'action'] as const)(
    'nothing is left out of what %s names',
    (name) => {
      const filters: Filter[] = [{ name, value: 'x' }];
      expect(withoutHousekeeping(filters)).toEqual(filters);
    },
  );
});

describe('what the service found wrong', () => {
  const denied: Filter = { name: 'outcome', value: 'denied' };
  const bogus: Filter = { name: 'outcome', value: 'bogus' };
  const scope: Filter = { name: 'scope', value: 'Voip' };

  it('is of the one value that it names', () => {
    const filters = [scope, denied, bogus];
    const refused = new Map([['outcome/1', 'must be another']]);
    expect(filters.map((filter) => refusalOf(filter, filters, refused))).toEqual([
      undefined,
      undefined,
      'must be another',
    ]);
  });

  it('is of all values of a filter that it names', () => {
    const filters = [denied, scope, bogus];
    const refused = new Map([['outcome', 'has too many values']]);
    expect(filters.map((filter) => refusalOf(filter, filters, refused))).toEqual([
      'has too many values',
      undefined,
      'has too many values',
    ]);
  });
});
