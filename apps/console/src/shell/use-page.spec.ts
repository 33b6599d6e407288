import { Window } from 'happy-dom';
import { act, createElement, Fragment, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { usePageFocus } from './use-page-focus.js';
import { usePageTitle, usePartTitle } from './use-title.js';

const window = new Window();
const { document } = window;
vi.stubGlobal('window', window);
vi.stubGlobal('document', document);
vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
afterAll(() => {
  vi.unstubAllGlobals();
});

interface Shown {
  readonly page: string;
  readonly part?: string;
}

function Part({ title }: { readonly title: string }): ReactNode {
  usePartTitle(title);
  return null;
}

function Page({ page, part }: Shown): ReactNode {
  usePageTitle(page);
  usePageFocus(page);
  const field = createElement('input', { id: page, key: page, autoFocus: page === 'Trace' });
  return createElement(
    Fragment,
    null,
    createElement('input', { id: 'search' }),
    createElement('main', { tabIndex: -1 }, field),
    part !== undefined && createElement(Part, { title: part, key: 'part' }),
  );
}

async function shower(): Promise<(shown: Shown) => Promise<void>> {
  document.body.innerHTML = '<div></div>';
  const root = createRoot(document.body.firstElementChild as unknown as Element); // happy-dom has its parts
  const show = async (shown: Shown): Promise<void> =>
    act(async () => {
      root.render(createElement(Page, shown));
      return Promise.resolve();
    });
  await show({ page: 'Overview' });
  return show;
}

function focus(id: string): void {
  document.querySelector<'input'>(`#${id}` as 'input')?.focus();
}

describe('usePageTitle', () => {
  it('names the window after the page, and after what is open in it while that is open', async () => {
    const show = await shower();
    const titles = [document.title];
    for (const shown of [
      { page: 'Search', part: 'Entry #2' },
      { page: 'Search', part: 'Entry #3' },
      { page: 'Search' },
      { page: 'Search', part: 'Entry #3' },
      { page: 'Proof' },
    ]) {
      await show(shown);
      titles.push(document.title);
    }
    expect(titles.map((title) => title.replace(' · Audit console', ''))).toEqual([
      ...['Overview', 'Entry #2', 'Entry #3', 'Search', 'Entry #3', 'Proof'],
    ]);
  });
});

describe('usePageFocus', () => {
  it('moves the focus to the page when what had it is gone', async () => {
    const show = await shower();
    expect(document.activeElement).toBe(document.body);
    focus('Overview');
    await show({ page: 'Search' });
    expect(document.activeElement.tagName).toBe('MAIN');
  });

  it('leaves it to a field of the new page, and to what is still there', async () => {
    const show = await shower();
    await show({ page: 'Trace' });
    expect(document.activeElement.id).toBe('Trace');
    focus('search');
    await show({ page: 'Search' });
    expect(document.activeElement.id).toBe('search');
  });
});
