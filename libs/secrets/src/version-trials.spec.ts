import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import { SecretUnavailable } from './errors.js';
import type { Secret } from './secret.js';
import { MemorySecretStore } from './testing/memory-secret-store.js';
import type { SecretInUse } from './version-trials.js';

describe('a secret whose new version does not work', () => {
  let clock: ManualClock;
  let store: MemorySecretStore;
  let first: string;
  const reports: SecretInUse[] = [];

  beforeEach(async () => {
    clock = new ManualClock();
    store = new MemorySecretStore(clock);
    first = store.put('key', 'good 1');
    reports.length = 0;
    store.onRejected((use) => reports.push(use));
    store.accept(await store.current('key'));
  });

  function parse({ value }: Secret): string {
    if (!value.startsWith('good')) throw new TypeError(value);
    return value;
  }

  it('stays on the version that worked, says so, and takes the next one at once', async () => {
    const second = store.put('key', 'malformed');
    expect(await store.readParsed('key', parse)).toBe('good 1');
    const use = { name: 'key', version: first, rejected: { version: second, reason: 'TypeError' } };
    expect(store.inUse()).toEqual([use]);
    expect(reports).toEqual([use]);
    const third = store.put('key', 'good 3');
    expect(await store.readParsed('key', parse)).toBe('good 3');
    expect(store.inUse()).toEqual([{ name: 'key', version: third }]);
  });

  it('tries the new version again after a minute, because it may have been put right elsewhere', async () => {
    const second = store.put('key', 'good 2');
    await store.current('key');
    expect(await store.insteadOf('key', second, 'refused')).toMatchObject({ version: first });
    await clock.advance(59_999);
    expect(await store.current('key')).toMatchObject({ version: first });
    await clock.advance(1);
    expect(await store.current('key')).toMatchObject({ version: second });
  });

  it('tries the new version again as soon when the clock is set back', async () => {
    const second = store.put('key', 'good 2');
    await store.current('key');
    await store.insteadOf('key', second, 'refused');
    clock.step(-3_600_000);
    await clock.advance(60_000);
    expect(await store.current('key')).toMatchObject({ version: second });
  });

  it('uses the new version when the old one is refused, whatever was said of the new one', async () => {
    const second = store.put('key', 'good 2');
    await store.insteadOf('key', second, 'refused');
    expect(await store.insteadOf('key', first, 'refused')).toMatchObject({ version: second });
  });

  it('has nothing to offer when no version works', async () => {
    expect(await store.insteadOf('key', first, 'refused')).toBeUndefined();
    const other = new MemorySecretStore(clock, { key: 'malformed' });
    await expect(other.readParsed('key', parse)).rejects.toBeInstanceOf(TypeError);
    expect(await other.current('key')).toMatchObject({ value: 'malformed' });
  });

  it('stays on the version that worked while the store can’t be read', async () => {
    const second = store.put('key', 'good 2');
    await store.current('key');
    store.failWith(new SecretUnavailable());
    expect(await store.insteadOf('key', second, 'refused')).toMatchObject({ version: first });
    await expect(store.insteadOf('key', first, 'refused')).rejects.toBeInstanceOf(
      SecretUnavailable,
    );
  });
});
