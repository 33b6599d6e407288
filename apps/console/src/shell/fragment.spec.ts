import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFragment } from './fragment.js';

describe('a fragment', () => {
  it.each([
    ['#/search?outcome=denied', { page: 'search', id: undefined, query: 'outcome=denied' }],
    ['#/identities/Ren%C3%A9e', { page: 'identities', id: 'Renée', query: '' }],
    ['#/entry/17?tz=UTC', { page: 'search', id: undefined, query: 'tz=UTC&entry=17' }],
    ['', { page: '', id: undefined, query: '' }],
  ])('%s is a page with its id and parameters', (fragment, { query, ...expected }) => {
    const { parameters, ...read } = parseFragment(fragment);
    expect(read).toEqual(expected);
    expect(parameters.toString()).toBe(query);
  });

  it.each(['%', '%zz', '%E0%A4%A'])('whose id was cut to %s is still read', (id) => {
    expect(parseFragment(`#/identities/${id}`)).toMatchObject({ page: 'identities', id });
    expect(parseFragment(`#/entry/${id}`).parameters.get('entry')).toBe(id);
  });

  it.each(['#/entry/', '#/entry', '#/search?entry=', '#/proof?entry'])(
    '%s names no entry',
    (fragment) => {
      expect(parseFragment(fragment).parameters.has('entry')).toBe(false);
    },
  );

  it('is read whatever it has', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^#?[/?%&=+aE0é]*$/), (fragment) => {
        expect(parseFragment(fragment).page).not.toContain('/');
      }),
    );
  });
});
