import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createIdentityClient, ProblemError } from './index.js';
import { type Answer, issued, pending, refusal, stubService } from './testing/stub-service.js';
import { TokenRenewal } from './token-renewal.js';

const MINUTE_MS = 60_000;

let renewal: TokenRenewal;
let requests: ReturnType<typeof stubService>['requests'];

function start(...answers: readonly Answer[]): void {
  const service = stubService(...answers);
  ({ requests } = service);
  const options = { baseUrl: 'https://identity.example.com', getAccessToken: () => 'access' };
  const client = createIdentityClient({ ...options, fetch: service.fetch });
  renewal = new TokenRenewal(client, { scopes: ['chat'] });
  renewal.start();
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  renewal.stop();
  vi.useRealTimers();
});

describe('the token of a page', () => {
  it('is loading, then ready, and says so to those who listen', async () => {
    start(issued('one'));
    const listener = vi.fn();
    renewal.subscribe(listener);
    expect(renewal.state()).toEqual({ status: 'loading' });
    await vi.advanceTimersByTimeAsync(1);
    expect(renewal.state()).toMatchObject({ status: 'ready', token: { token: 'one' } });
    expect(renewal.state()).toBe(renewal.state());
    expect(listener).toHaveBeenCalled();
  });

  it('is renewed ten minutes before it expires, once', async () => {
    start(issued('one'), async () => Promise.resolve(issued('two')));
    await vi.advanceTimersByTimeAsync(49 * MINUTE_MS);
    expect(renewal.state().token?.token).toBe('one');
    await vi.advanceTimersByTimeAsync(2 * MINUTE_MS);
    expect(renewal.state().token?.token).toBe('two');
    expect(requests).toHaveLength(2);
  });

  it('is renewed when the device wakes up late', async () => {
    start(issued('one'), async () => Promise.resolve(issued('two')));
    await vi.advanceTimersByTimeAsync(1);
    vi.setSystemTime(Date.now() + 55 * MINUTE_MS);
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(renewal.state().token?.token).toBe('two');
  });

  it('is not renewed at once when the clock of the device is wrong', async () => {
    start(...Array.from({ length: 9 }, () => issued()));
    await vi.advanceTimersByTimeAsync(1);
    vi.setSystemTime(Date.now() + 1000 * MINUTE_MS);
    renewal.renew();
    await vi.advanceTimersByTimeAsync(4 * MINUTE_MS);
    expect(requests).toHaveLength(2);
  });

  it('is renewed in time when a clock of the device that was days ahead is set back', async () => {
    start(issued('one'), async () => Promise.resolve(issued('two')));
    const ahead = 2_880 * MINUTE_MS;
    vi.setSystemTime(Date.now() + ahead);
    await vi.advanceTimersByTimeAsync(1);
    vi.setSystemTime(Date.now() - ahead);
    await vi.advanceTimersByTimeAsync(51 * MINUTE_MS);
    expect(renewal.state().token?.token).toBe('two');
    expect(requests).toHaveLength(2);
  });

  it('stays when its renewal fails, and a later one succeeds', async () => {
    const busy = (): Response => refusal(429, 'token-quota-exceeded', { 'retry-after': '180' });
    start(issued('one'), busy(), async () => Promise.resolve(issued('two')));
    await vi.advanceTimersByTimeAsync(51 * MINUTE_MS);
    expect(renewal.state()).toMatchObject({ status: 'ready', token: { token: 'one' } });
    expect(renewal.state().error).toBeInstanceOf(ProblemError);
    await vi.advanceTimersByTimeAsync(4 * MINUTE_MS);
    expect(renewal.state()).toMatchObject({ status: 'ready', token: { token: 'two' } });
    expect(renewal.state().error).toBeUndefined();
  });

  it('has failed when there is none, sends nothing more, and can be requested again', async () => {
    start(refusal(403, 'no-rule-applies'), issued('one'));
    await vi.advanceTimersByTimeAsync(600 * MINUTE_MS);
    expect(renewal.state()).toMatchObject({ status: 'failed', error: { code: 'no-rule-applies' } });
    expect(requests).toHaveLength(1);
    renewal.renew();
    expect(renewal.state().status).toBe('loading');
    await vi.advanceTimersByTimeAsync(1);
    expect(renewal.state()).toMatchObject({ status: 'ready', token: { token: 'one' } });
  });

  it('is not requested when it is stopped at once, and cancelled when it is stopped later', async () => {
    const { wait, aborted } = pending();
    start(wait);
    renewal.stop();
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(requests).toEqual([]);
    renewal.start();
    await vi.advanceTimersByTimeAsync(1);
    renewal.stop();
    await aborted;
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(renewal.state()).toEqual({ status: 'loading' });
    expect(vi.getTimerCount()).toBe(0);
  });
});
