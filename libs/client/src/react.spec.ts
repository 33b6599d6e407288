import { act, createElement, StrictMode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { Window } from 'happy-dom';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createIdentityClient, type IdentityClient } from './index.js';
import { type CommunicationToken, useCommunicationToken } from './react.js';
import { type Answer, issued, pending, refusal, stubService } from './testing/stub-service.js';

let root: Root;
let requests: ReturnType<typeof stubService>['requests'];
let client: IdentityClient;
let shown: CommunicationToken;

function Page({ scopes }: { readonly scopes: string[] }): null {
  shown = useCommunicationToken(client, { scopes });
  return null;
}

/** Renders as React does in development: each component appears, disappears, and appears again. */
async function render(...scopes: string[]): Promise<void> {
  await act(async () => {
    root.render(createElement(StrictMode, null, createElement(Page, { scopes })));
    return Promise.resolve();
  });
  await act(async () => {
    await vi.advanceTimersByTimeAsync(10);
  });
}

function answer(...answers: readonly Answer[]): void {
  const service = stubService(...answers);
  ({ requests } = service);
  const options = { baseUrl: 'https://identity.example.com', getAccessToken: () => 'access' };
  client = createIdentityClient({ ...options, fetch: service.fetch });
}

beforeEach(() => {
  vi.useFakeTimers();
  const window = new Window();
  vi.stubGlobal('window', window);
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  const element: unknown = window.document.createElement('div');
  root = createRoot(element as Parameters<typeof createRoot>[0]); // one of another implementation
});
afterEach(async () => {
  await act(async () => {
    root.unmount();
    return Promise.resolve();
  });
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it('gives a component one token, and another one for other scopes', async () => {
  answer(issued('one'), issued('two'));
  await render('chat');
  expect(shown).toMatchObject({ status: 'ready', token: { token: 'one' } });
  await render('chat');
  expect(requests).toHaveLength(1);
  await render('voip');
  expect(shown).toMatchObject({ status: 'ready', token: { token: 'two' } });
  expect(requests.map(({ init }) => init.body)).toEqual([
    '{"scopes":["chat"]}',
    '{"scopes":["voip"]}',
  ]);
});

it('shows a problem, and requests again when the component does', async () => {
  answer(refusal(403, 'no-rule-applies'), issued('one'));
  await render('chat');
  expect(shown).toMatchObject({ status: 'failed', error: { code: 'no-rule-applies' } });
  await act(async () => {
    shown.renew();
    await vi.advanceTimersByTimeAsync(10);
  });
  expect(shown).toMatchObject({ status: 'ready', token: { token: 'one' } });
});

it('cancels the request of a component that disappears', { timeout: 10_000 }, async () => {
  const { wait, aborted } = pending();
  answer(wait);
  await render('chat');
  await act(async () => {
    root.unmount();
    return aborted;
  });
  expect(requests).toHaveLength(1);
});
