import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryLogger } from '#libs/platform/testing';
import { RotatingPassword } from './rotating-password.js';

describe('a database password that changes', () => {
  let stored: string;
  /** What the server accepts. */
  let accepted: string;
  let logger: MemoryLogger;
  let source: RotatingPassword;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    stored = 'old';
    accepted = 'old';
    logger = new MemoryLogger();
    source = new RotatingPassword(async () => Promise.resolve(stored), logger);
    return () => vi.useRealTimers();
  });

  /** Signs in as a pool does. @returns the number of attempts, or `undefined` for a failure */
  async function attempts(): Promise<number | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const password = await source.password();
      if (password === accepted) {
        source.accepted(password);
        return attempt;
      }
      if (attempt === 3 || !(await source.refused(password))) return undefined;
    }
  }

  it('is used as soon as it is stored and the server knows it', async () => {
    expect(await attempts()).toBe(1);
    [stored, accepted] = ['new', 'new'];
    expect(await attempts()).toBe(1);
  });

  it('may be stored before the server knows it', async () => {
    await attempts();
    stored = 'new';
    expect(await attempts()).toBe(2);
    expect(await attempts()).toBe(1);
    expect(logger.lines).toHaveLength(1);
    accepted = 'new';
    expect(await attempts()).toBe(2);
    expect(await attempts()).toBe(1);
  });

  it('is tried again after ten seconds when the server has refused it', async () => {
    await attempts();
    stored = 'new';
    await attempts();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await attempts()).toBe(2);
    expect(logger.lines).toHaveLength(2);
  });

  it('fails when the server knows neither', async () => {
    await attempts();
    accepted = 'another';
    expect(await attempts()).toBeUndefined();
    stored = 'another';
    expect(await attempts()).toBe(1);
  });

  it('stays in use while the place it comes from can’t be read', async () => {
    await attempts();
    source = new RotatingPassword(async () => Promise.reject(new Error('ENOENT')), logger);
    await expect(source.password()).rejects.toThrow('ENOENT');
    source.accepted('old');
    expect(await source.password()).toBe('old');
  });
});
