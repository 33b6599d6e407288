import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SystemClock } from '#libs/platform';
import { MemorySecretStore } from '#libs/secrets/testing';
import { Credential } from './credential.js';
import type { CredentialReference } from './sink-options.js';

const folder = mkdtempSync(join(tmpdir(), 'credential-'));
const file = join(folder, 'token');
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const PLACES: readonly CredentialReference[] = [
  { secret: 'token' },
  { file },
  { environment: 'TOKEN' },
];

/** A credential of which each place has this text. */
function credential(reference: CredentialReference, text: string): Credential {
  writeFileSync(file, text);
  const store = new MemorySecretStore(new SystemClock(), { token: text });
  return new Credential(reference, store, { TOKEN: text });
}

describe.each(PLACES)('Credential in %o', (place) => {
  it('has no line break that a tool has added', async () => {
    expect(await credential(place, 'a-token\n').value()).toBe('a-token');
    expect(await credential(place, 'a-token\r\n').headerValue()).toBe('a-token');
  });

  it('is refused when it is empty, and in a header with characters that none may have', async () => {
    await expect(credential(place, ' \n').value()).rejects.toMatchObject({ kind: 'refused' });
    for (const text of ['a\ntoken', 'a–token', 'a\u0000token']) {
      const error = await credential(place, text)
        .headerValue()
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        kind: 'refused',
        message: 'the credential has characters that no HTTP header may have',
      });
    }
  });
});
