import { Window } from 'happy-dom';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';

const KEY = 'console.preferences';

const window = new Window();
const { localStorage } = window;
vi.stubGlobal('localStorage', localStorage);
vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
const { preferences, readPreferences, setPreferences } = await import('./preferences.js');
const DEFAULTS = readPreferences('{}');

afterAll(() => {
  vi.unstubAllGlobals();
});

/** As a browser announces what another tab has stored. */
function storeElsewhere(text: string): void {
  localStorage.setItem(KEY, text);
  window.dispatchEvent(new window.StorageEvent('storage', { key: KEY, newValue: text }));
}

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

  describe('with several tabs', () => {
    beforeEach(() => {
      storeElsewhere('{}');
    });

    it('keep what each tab has changed', () => {
      localStorage.setItem(KEY, '{"columns":"own","ownColumns":["time"]}');
      setPreferences({ zone: 'local' });
      expect(JSON.parse(localStorage.getItem(KEY) ?? '')).toEqual({
        ...DEFAULTS,
        columns: 'own',
        ownColumns: ['time'],
        zone: 'local',
      });
    });

    it('are those of the tab that changed them last', () => {
      storeElsewhere('{"theme":"dark"}');
      expect(preferences().theme).toBe('dark');
    });
  });

  it('change for the page alone when the browser refuses to keep them', () => {
    storeElsewhere('{}');
    vi.stubGlobal('localStorage', {
      getItem: (name: string) => localStorage.getItem(name),
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
    });
    setPreferences({ density: 'compact' });
    setPreferences({ theme: 'dark' });
    expect(preferences()).toEqual({ ...DEFAULTS, density: 'compact', theme: 'dark' });
    vi.stubGlobal('localStorage', localStorage);
  });
});
