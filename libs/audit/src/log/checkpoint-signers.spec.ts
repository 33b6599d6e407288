import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import { MemorySecretStore } from '#libs/secrets/testing';
import { UnusableSigningKey } from '../errors.js';
import type { AuditSettings } from '../settings.js';
import { CheckpointSigners } from './checkpoint-signers.js';

const NAME = 'audit-signing-key';

describe('CheckpointSigners', () => {
  it('use a mended key at once, also while the malformed one is cached', async () => {
    const secrets = new MemorySecretStore(new ManualClock(), { [NAME]: 'no key' });
    const settings = { origin: 'log.test/audit', signingKeySecrets: [NAME] };
    const signers = new CheckpointSigners(secrets, settings as unknown as AuditSettings); // all it reads
    const cached = await secrets.read(NAME);
    vi.spyOn(secrets, 'read').mockResolvedValue(cached);
    await expect(signers.current()).rejects.toBeInstanceOf(UnusableSigningKey);
    const newest = secrets.put(NAME, randomBytes(32).toString('base64'));
    vi.spyOn(secrets, 'reread').mockImplementation(async () => secrets.readVersion(NAME, newest));
    expect(await signers.current()).toHaveLength(1);
  });
});
