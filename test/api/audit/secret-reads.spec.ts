import { describe, expect, it } from 'vitest';
import { runningService } from '../../support/running-service.js';
import type { AuditEntry } from '../../support/service.js';
import { issue, requestToken } from '../../support/tokens-api.js';

const service = runningService({ environment: { KEY_VAULT_REREAD_COOLDOWN_SECONDS: '1' } });

async function entriesOf(action: string): Promise<(AuditEntry & { details: Details })[]> {
  const entries = (await service().auditEntries()) as (AuditEntry & { details: Details })[]; // entries of secrets have details
  return entries.filter((entry) => entry.action === action);
}

interface Details {
  readonly secret: string;
  readonly version?: string;
  readonly replaces?: string;
}

describe('the audit log', () => {
  it('records the read of each secret once, with its version, also of the key that signs the log', async () => {
    await issue(service(), 'alice');
    await issue(service(), 'alice');
    const names = ['acs-connection-string', 'audit-fingerprint-key', 'audit-signing-key'];
    await expect
      .poll(async () => (await entriesOf('secret.read')).map(({ details }) => details.secret))
      .toEqual(expect.arrayContaining(names));
    const reads = await entriesOf('secret.read');
    for (const { outcome, actor, details } of reads) {
      expect([outcome, actor]).toEqual(['success', { kind: 'system', name: 'secret-store' }]);
      expect(details.version).toMatch(/^[0-9a-f]{32}$/);
    }
    expect(new Set(reads.map(({ details }) => details.secret)).size).toBe(reads.length);
    service().scanner.assertClean('the audit log', [JSON.stringify(reads)]);
  });

  it('records a rotation with the old and the new version', async () => {
    const [before] = await entriesOf('secret.read').then((all) =>
      all.filter(({ details }) => details.secret === 'acs-connection-string'),
    );
    const version = await service().rotateAcsKey();
    await issue(service(), 'alice');
    await expect
      .poll(async () => entriesOf('secret.rotate'))
      .toMatchObject([
        {
          outcome: 'success',
          details: { secret: 'acs-connection-string', version, replaces: before?.details.version },
        },
      ]);
  });

  it('records a refused read as soon as the signing key is available', async () => {
    const body = { error: { code: 'Forbidden', message: 'no' } };
    await service().emulator.control.addFault({
      ...{ service: 'key-vault', operation: '*', kind: 'status', status: 403, body },
    });
    const api = await service().addApi();
    expect((await requestToken(service(), 'alice', {}, api.url)).status).toBe(503);
    await service().emulator.control.removeFaults();
    await expect
      .poll(async () =>
        (await entriesOf('secret.read')).filter(({ outcome }) => outcome === 'denied'),
      )
      .toContainEqual(expect.objectContaining({ reason: { code: 'secret-access-refused' } }));
  });
});
