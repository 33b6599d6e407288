import { AzureCommunicationTokenCredential } from '@azure/communication-common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  communicationTokenCredential,
  type CommunicationTokenCredentialOptions,
  type CommunicationTokenRefreshOptions,
} from './index.js';
import {
  acsToken,
  type Answer,
  issued,
  pending,
  refusal,
  stubService,
} from './testing/stub-service.js';

const options = { baseUrl: 'https://identity.example.com', getAccessToken: () => 'access' };

function withAnswers(...answers: readonly Answer[]): CommunicationTokenRefreshOptions & {
  readonly requests: ReturnType<typeof stubService>['requests'];
} {
  const { fetch, requests } = stubService(...answers);
  const credential = communicationTokenCredential({ ...options, scopes: ['chat'], fetch });
  return { ...credential, requests };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the refresher', () => {
  it('requests the given scopes and lifetime', async () => {
    const { fetch, requests } = stubService(issued());
    const all = { ...options, fetch, scopes: ['chat'], expiresInMinutes: 120 };
    await communicationTokenCredential(all).tokenRefresher();
    expect(requests[0]?.init.body).toBe('{"scopes":["chat"],"expiresInMinutes":120}');
  });

  it('shares one request between callers, and begins another one after it', async () => {
    const { tokenRefresher, requests } = withAnswers(issued(acsToken('a')), issued(acsToken('b')));
    const [one, two] = await Promise.all([tokenRefresher(), tokenRefresher()]);
    expect(one).toBe(two);
    expect(requests).toHaveLength(1);
    expect(await tokenRefresher()).not.toBe(one);
  });

  it('does not cancel the request for others when one aborts', async () => {
    const { wait, answer } = pending();
    const { tokenRefresher, requests } = withAnswers(wait);
    const controller = new AbortController();
    const first = tokenRefresher(controller.signal);
    const second = tokenRefresher(new AbortController().signal);
    const third = tokenRefresher();
    controller.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    answer(issued(acsToken('shared')));
    expect(await second).toBe(await third);
    expect(requests).toHaveLength(1);
  });

  it('cancels the request when all have aborted, and the next caller gets a new one', async () => {
    const { wait, aborted } = pending();
    const { tokenRefresher, requests } = withAnswers(wait, issued());
    const controller = new AbortController();
    const all = [tokenRefresher(controller.signal), tokenRefresher(controller.signal)];
    const outcomes = Promise.allSettled(all);
    await vi.advanceTimersByTimeAsync(0);
    controller.abort();
    await aborted;
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await tokenRefresher()).toMatch(/^e30/);
    expect(requests).toHaveLength(2);
  });

  it('sends nothing for a signal that has aborted before', async () => {
    const { tokenRefresher, requests } = withAnswers(issued());
    await expect(tokenRefresher(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(requests).toEqual([]);
  });

  it('throws problems, to all who wait', async () => {
    const { tokenRefresher } = withAnswers(refusal(403, 'no-rule-applies'));
    const all = await Promise.allSettled([tokenRefresher(), tokenRefresher()]);
    for (const outcome of all) {
      expect(outcome).toMatchObject({ reason: { name: 'ProblemError', code: 'no-rule-applies' } });
    }
  });

  it('gives a token that does not show its expiry together with it', async () => {
    const { tokenRefresher } = withAnswers(issued('opaque'));
    expect(await tokenRefresher()).toEqual({
      token: 'opaque',
      expiresOnTimestamp: Date.now() + 3_600_000,
    });
  });

  it('ends a loop of renewals, and recovers from it', async () => {
    const { tokenRefresher, requests } = withAnswers(...Array.from({ length: 9 }, () => issued()));
    for (let count = 0; count < 5; count += 1) await tokenRefresher();
    await expect(tokenRefresher()).rejects.toThrow(/5 tokens .* within a minute.*clock/);
    expect(requests).toHaveLength(5);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(await tokenRefresher()).toMatch(/^e30/);
  });
});

describe('the credential of the ACS SDK', () => {
  it('gets its tokens from the refresher, opaque ones as well', async () => {
    const { requests, ...refreshOptions } = withAnswers(issued('opaque'));
    const credential = new AzureCommunicationTokenCredential(refreshOptions);
    expect(await credential.getToken()).toEqual({
      token: 'opaque',
      expiresOnTimestamp: Date.now() + 3_600_000,
    });
    expect((await credential.getToken()).token).toBe('opaque');
    expect(requests).toHaveLength(1);
    credential.dispose();
  });

  it('renews before the expiry in a page, and not in the background in Node', () => {
    expect(communicationTokenCredential(options).refreshProactively).toBe(false);
    vi.stubGlobal('process', undefined);
    const inBrowser = communicationTokenCredential(options).refreshProactively;
    vi.unstubAllGlobals();
    expect(inBrowser).toBe(true);
  });
});

describe('wrong options', () => {
  it.each([
    ['no scopes in the list', { scopes: [] }, /scopes must be a list of ACS scopes/],
    ['a string for scopes', { scopes: 'chat' }, /scopes/],
    ['a scope that no ACS scope can be', { scopes: ['Chat '] }, /scopes/],
    ['a short lifetime', { expiresInMinutes: 59 }, /expiresInMinutes must be an integer/],
    ['a long lifetime', { expiresInMinutes: 1441 }, /expiresInMinutes/],
    ['a lifetime of text', { expiresInMinutes: '60' }, /expiresInMinutes/],
    ['no address', { baseUrl: '' }, /baseUrl/],
  ])('are refused: %s', (_name, wrong, message) => {
    const given = { ...options, ...wrong } as unknown as CommunicationTokenCredentialOptions; // wrong on purpose
    expect(() => communicationTokenCredential(given)).toThrow(message);
  });
});
