import { describe, expect, it } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import type { AuditEntry } from '../../support/service.js';

const service = runningService({ environment: { KEY_VAULT_REREAD_COOLDOWN_SECONDS: '1' } });
const inTime = { timeout: 30_000 };

async function issue(url = service().url): Promise<number> {
  const token = await service().token('alice');
  return (await call(url, 'post', '/v1/me/tokens', { token, body: {} })).status;
}

async function entriesOf(action: string): Promise<(AuditEntry & { details: Details })[]> {
  const entries = (await service().auditEntries()) as (AuditEntry & { details: Details })[]; // these actions have them
  return entries.filter((entry) => entry.action === action);
}

interface Details {
  readonly secret: string;
  readonly version?: string;
  readonly replaces?: string;
}

describe('the audit log of a service that reads secrets', () => {
  it('holds the reading of each, the key that signs the log included, once and by version', async () => {
    expect(await issue()).toBe(200);
    expect(await issue()).toBe(200);
    const names = ['acs-connection-string', 'audit-fingerprint-key', 'audit-signing-key'];
    await expect
      .poll(
        async () => (await entriesOf('secret.read')).map(({ details }) => details.secret),
        inTime,
      )
      .toEqual(expect.arrayContaining(names));
    const reads = await entriesOf('secret.read');
    for (const { outcome, actor, details } of reads) {
      expect([outcome, actor]).toEqual(['success', { kind: 'system', name: 'secret-store' }]);
      expect(details.version).toMatch(/^[0-9a-f]{32}$/);
    }
    expect(new Set(reads.map(({ details }) => details.secret)).size).toBe(reads.length);
    service().scanner.assertClean('the audit log', [JSON.stringify(reads)]);
  });

  it('holds a rotation with both versions, once the service has noticed it', async () => {
    const [before] = await entriesOf('secret.read').then((all) =>
      all.filter(({ details }) => details.secret === 'acs-connection-string'),
    );
    const { connectionString } = await service().emulator.control.regenerateAcsKey();
    if (connectionString === undefined) expect.unreachable();
    service().scanner.forbid(connectionString);
    const version = await service().emulator.control.setSecret({
      name: 'acs-connection-string',
      value: connectionString,
    });
    expect(await issue()).toBe(200);
    await expect
      .poll(async () => entriesOf('secret.rotate'), inTime)
      .toMatchObject([
        {
          outcome: 'success',
          details: { secret: 'acs-connection-string', version, replaces: before?.details.version },
        },
      ]);
  });

  it('holds what the vault refused, as soon as there is a key to sign it with', async () => {
    const body = { error: { code: 'Forbidden', message: 'no' } };
    await service().emulator.control.addFault({
      ...{ service: 'key-vault', operation: '*', kind: 'status', status: 403, body },
    });
    const api = await service().addApi();
    expect(await issue(api.url)).toBe(503);
    await service().emulator.control.removeFaults();
    await expect
      .poll(
        async () => (await entriesOf('secret.read')).filter(({ outcome }) => outcome === 'denied'),
        inTime,
      )
      .toContainEqual(expect.objectContaining({ reason: { code: 'secret-access-refused' } }));
  });
});
