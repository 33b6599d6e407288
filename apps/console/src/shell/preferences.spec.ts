import { describe, expect, it } from 'vitest';
import { readPreferences } from './preferences.js';

const DEFAULTS = readPreferences('{}');

describe('the preferences of a browser', () => {
  it('are those that were kept, and the default of each other one', () => {
    expect(readPreferences('{"theme":"dark","columns":"own","areKeysOn":false}')).toEqual({
      ...DEFAULTS,
      theme: 'dark',
      columns: 'own',
      areKeysOn: false,
    });
  });

  it.each(['', 'nonsense', 'null', '7', '"dark"', '[1]', '{"theme":'])(
    'are the default when %j was kept',
    (text) => {
      expect(readPreferences(text)).toEqual(DEFAULTS);
    },
  );

  it.each([
    '{"theme":"pink"}',
    '{"zone":3}',
    '{"density":"huge"}',
    '{"columns":null}',
    '{"areKeysOn":"no"}',
    '{"constructor":{},"colour":"red"}',
  ])('leave out what is none, such as %s', (text) => {
    expect(readPreferences(text)).toEqual(DEFAULTS);
  });
});
