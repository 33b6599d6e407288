import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'emulator-'));

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

describe('the standalone emulator', () => {
  it('warns, prints its addresses without keys as one line of JSON, and stops on a signal', async () => {
    const lines = vi.spyOn(console, 'log').mockReturnValue();
    const warnings = vi.spyOn(console, 'error').mockReturnValue();
    const once = vi.spyOn(process, 'once');
    const argv = process.argv;
    process.argv = ['node', 'main.js', '--directory', directory, '--acs-limits', 'off'];
    try {
      await import('./main.js');
    } finally {
      process.argv = argv;
    }
    expect(warnings.mock.calls.join()).toContain('NOT FOR PRODUCTION');
    expect(lines).toHaveBeenCalledTimes(1);
    const line = String(lines.mock.calls[0]?.[0]);
    expect(line).not.toMatch(/\n|accesskey|PRIVATE/i);
    const addresses = JSON.parse(line) as Record<string, string>;
    expect(addresses).toMatchObject({ caFile: join(directory, 'ca.pem') });
    const settings = await fetch(`${addresses.controlUrl ?? ''}/control/acs`);
    expect(await settings.json()).toMatchObject({ limits: 'off' });

    const stop = once.mock.calls.find(([signal]) => signal === 'SIGTERM')?.[1];
    stop?.();
    const isDown = async (): Promise<boolean> =>
      fetch(`${addresses.controlUrl ?? ''}/control/acs`).then(
        () => false,
        () => true,
      );
    await expect.poll(isDown).toBe(true);
  });
});
