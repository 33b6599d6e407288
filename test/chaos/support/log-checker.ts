import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiProcess } from '../../../apps/local/src/api-process.js';
import { acsIdentity } from '../../support/acs-identity.js';
import type { AuditEntry, Service } from '../../support/service.js';
import { sendRequest } from './request.js';
import type { Receipt } from './receipts.js';
import { until } from '../../support/until.js';

/** Everything that clients were shown of the log while it was troubled. */
export interface SeenByClients {
  readonly receipts: readonly Receipt[];
  /** Signed checkpoints, as they came. */
  readonly checkpoints: readonly string[];
  /** Verifier keys of the log, one a line. */
  readonly keys: string;
}

/** The command line takes no more files than that. */
const MAX_CHECKPOINTS = 500;

/**
 * Holds the log against what clients were shown: each receipt has its entry, indexes have no gap, every
 * checkpoint is continued by the log as it is now, and `acs-identity audit verify` finds it whole.
 *
 * @returns what contradicts
 */
export async function checkLog(
  service: Service,
  { receipts, checkpoints, keys }: SeenByClients,
): Promise<string[]> {
  const failures: string[] = [];
  const places = await service.rows<{ entry_index: string }>(
    'SELECT entry_index FROM audit_entry ORDER BY entry_index',
  );
  const gap = places.findIndex(({ entry_index: index }, nth) => Number(index) !== nth);
  if (gap !== -1) failures.push(`the index after ${gap - 1} is not ${gap}`);

  const entries = await service.auditEntries();
  const named = new Set<number>();
  for (const receipt of receipts) {
    if (named.has(receipt.index)) failures.push(`two receipts name entry ${receipt.index}`);
    named.add(receipt.index);
    if (!tellsOf(entries[receipt.index], receipt)) {
      failures.push(`entry ${receipt.index} does not tell of receipt ${receipt.id}`);
    }
  }
  failures.push(...(await verified(service, checkpoints, keys)));
  console.log(
    `${receipts.length} receipts, ${entries.length} entries, ${checkpoints.length} checkpoints seen`,
  );
  return failures;
}

/** The log's verifier keys, as an auditor gets them. */
export async function fetchLogKeys(service: Service, { url }: ApiProcess): Promise<string> {
  const token = await service.token('grace');
  const answer = await sendRequest(url, { method: 'GET', path: '/v1/audit/log/keys', token });
  if (answer.status !== 200) throw new Error(`the log's keys: ${answer.text}`);
  return answer.text;
}

/** Waits until the sweepers have finished what was begun: no mapping is anybody's to work on. */
export async function untilSettled(service: Service): Promise<void> {
  await until('all that was begun is finished', 120_000, async () => {
    const [row] = await service.rows<{ leases: string }>(
      `SELECT (SELECT count(*) FROM mapping WHERE lease_expires_at IS NOT NULL)
            + (SELECT count(*) FROM mapping_orphan WHERE lease_expires_at IS NOT NULL) AS leases`,
    );
    return row?.leases === '0';
  });
}

function tellsOf(entry: AuditEntry | undefined, receipt: Receipt): boolean {
  if (entry?.id !== receipt.id || entry.outcome !== 'success') return false;
  if (!receipt.actions.includes(entry.action)) return false;
  const { communicationUserId, fingerprint } = receipt;
  return (
    (communicationUserId ?? entry.target?.communicationUserId) ===
      entry.target?.communicationUserId &&
    (fingerprint ?? entry.token?.fingerprint) === entry.token?.fingerprint
  );
}

/** What the operator's own command says, given everything that was seen. */
async function verified(
  service: Service,
  checkpoints: readonly string[],
  keys: string,
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'acs-identity-seen-'));
  const file = (name: string): string => join(folder, name);
  try {
    await writeFile(file('keys'), keys);
    const known = [];
    const step = Math.ceil(checkpoints.length / MAX_CHECKPOINTS);
    for (const [nth, checkpoint] of checkpoints.entries()) {
      // The newest promises most.
      if (nth % step !== 0 && nth !== checkpoints.length - 1) continue;
      known.push(file(`seen-${nth}`));
      await writeFile(file(`seen-${nth}`), checkpoint);
    }
    const { code, stdout, stderr } = await acsIdentity([
      ...['audit', 'verify', '--json', '--public-key-file', file('keys')],
      ...['--database-url', service.database.serviceUrl],
      ...(known.length === 0 ? [] : ['--known', ...known]),
    ]);
    return code === 0 ? [] : [`audit verify: ${stdout.slice(0, 2_000)}${stderr.slice(-500)}`];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
