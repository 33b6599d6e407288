import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiProcess } from '../../../apps/local/src/api-process.js';
import { acsIdentity } from '../../support/acs-identity.js';
import type { AuditEntry, Service } from '../../support/service.js';
import type { Receipt } from './receipts.js';
import { sendRequest } from './request.js';

/** What clients saw of the log during a campaign. */
export interface SeenByClients {
  readonly receipts: readonly Receipt[];
  /** Signed checkpoints, in the order of their reading. */
  readonly checkpoints: readonly string[];
  /** Verifier keys of the log, one per line. */
  readonly keys: string;
}

/** Upper bound of files on the command line. */
const MAX_CHECKPOINTS = 500;

/**
 * Checks the log against what clients saw: every receipt has its entry, indexes have no gap, and
 * `acs-identity audit verify` finds the log intact and consistent with every checkpoint.
 *
 * @returns the failures
 */
export async function checkLog(
  service: Service,
  { receipts, checkpoints, keys }: SeenByClients,
): Promise<string[]> {
  const failures: string[] = [];
  const rows = await service.rows<{ entry_index: string }>(
    'SELECT entry_index FROM audit_entry ORDER BY entry_index',
  );
  const gap = rows.findIndex(({ entry_index: index }, nth) => Number(index) !== nth);
  if (gap !== -1) failures.push(`the log has no entry ${gap}`);

  const entries = await service.auditEntries();
  const claimed = new Set<number>();
  for (const receipt of receipts) {
    if (claimed.has(receipt.index)) failures.push(`two receipts name entry ${receipt.index}`);
    claimed.add(receipt.index);
    if (!isEntryOf(receipt, entries[receipt.index])) {
      failures.push(`entry ${receipt.index} is not that of receipt ${receipt.id}`);
    }
  }
  failures.push(...(await verificationFailures(service, checkpoints, keys)));
  console.log(
    `${receipts.length} receipts, ${entries.length} entries, ${checkpoints.length} checkpoints seen`,
  );
  return failures;
}

/** The log's verifier keys, read as an auditor. */
export async function fetchLogKeys(service: Service, { url }: ApiProcess): Promise<string> {
  const token = await service.token('grace');
  const path = '/v1/audit/log/keys';
  const { status, text } = await sendRequest(url, { method: 'GET', path, token });
  if (status !== 200) throw new Error(`the log's keys: ${text}`);
  return text;
}

function isEntryOf(receipt: Receipt, entry: AuditEntry | undefined): boolean {
  if (entry?.id !== receipt.id || entry.outcome !== 'success') return false;
  if (!receipt.actions.includes(entry.action)) return false;
  const identity = entry.target?.communicationUserId;
  const fingerprint = entry.token?.fingerprint;
  return (
    (receipt.communicationUserId ?? identity) === identity &&
    (receipt.fingerprint ?? fingerprint) === fingerprint
  );
}

/** Runs `acs-identity audit verify` with the keys and checkpoints that clients saw. */
async function verificationFailures(
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
      // A sample, and always the newest, which commits to all entries before.
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
