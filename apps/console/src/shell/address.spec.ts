import { Window } from 'happy-dom';
import { afterAll, describe, expect, it, vi } from 'vitest';

const URL = 'https://service.example/console/';

/** The module as a page loads it. */
async function load(window: Window): Promise<typeof import('./address.js')> {
  const { location, history } = window;
  vi.stubGlobal('location', location);
  vi.stubGlobal('history', history);
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
  vi.resetModules();
  return import('./address.js');
}

afterAll(() => {
  vi.unstubAllGlobals();
});

describe('the place of a page', () => {
  const personal = { displayName: 'Carol Clark' };

  it('is opened again with its personal values, which are in no address', async () => {
    const before = await load(new Window({ url: `${URL}#/search?range=90d` }));
    before.go({ page: 'search', parameters: new URLSearchParams({ range: '90d' }), personal });
    const { fragment, personal: kept } = before.here();
    expect(fragment).not.toContain('Carol');

    const window = new Window({ url: URL });
    const { address, openAt } = await load(window);
    openAt(fragment, kept);
    expect(address()).toMatchObject({ page: 'search', personal });
    expect(window.location.href).toBe(`${URL}#/search?range=90d`);
  });

  it('has its personal values after a reload', async () => {
    const window = new Window({ url: `${URL}#/search` });
    const before = await load(window);
    before.go({ page: 'search', personal });
    const { here } = await load(window);
    expect(here()).toEqual({ fragment: '#/search', personal });
  });
});
