import { Window } from 'happy-dom';
import { act, createElement, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { afterAll, expect, it, vi } from 'vitest';
import { useKept } from './use-kept.js';

const window = new Window();
vi.stubGlobal('window', window);
vi.stubGlobal('document', window.document);
vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
afterAll(() => {
  vi.unstubAllGlobals();
});

function Shown({ what, data }: { readonly what: string; readonly data?: object }): ReactNode {
  return JSON.stringify(useKept(what, data) ?? null);
}

it('shows the data of before a refresh until that has some, and never those of something else', async () => {
  const element = window.document.createElement('div');
  const root = createRoot(element as unknown as Element); // happy-dom has its parts
  const show = async (what: string, data?: object): Promise<unknown> => {
    await act(async () => {
      root.render(createElement(Shown, { what, ...(data && { data }) }));
      return Promise.resolve();
    });
    return JSON.parse(element.textContent);
  };
  expect(await show('a')).toBeNull();
  expect(await show('a', [1])).toEqual([1]);
  expect(await show('a')).toEqual([1]);
  expect(await show('a', [2])).toEqual([2]);
  expect(await show('b')).toBeNull();
  expect(await show('b', [3])).toEqual([3]);
  expect(await show('a')).toBeNull();
});
