import { acsIdentity } from '../../test/support/acs-identity.js';
import type { RunningContender } from './running-contender.js';

const PAGE = 50_000;

/**
 * Checks that each token that a contender answered with has its entry, that no other token has one, and,
 * of a log, that it verifies.
 *
 * @returns what was checked, for the report
 * @throws when something is wrong
 */
export async function check(
  contender: RunningContender,
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const { kind, receipts } = contender;
  if (kind.entries === 'none') return `${receipts.length} tokens without entries`;
  const ids = new Map(receipts.map(({ index, id }) => [index, id]));
  if (ids.size !== receipts.length) throw new Error(`${kind.name}: two tokens have one entry`);
  let entries = 0;
  for await (const { index, id } of tokenEntries(contender)) {
    entries += 1;
    if (ids.get(index) !== id) throw new Error(`${kind.name}: entry ${index} is of no answer`);
  }
  if (entries !== receipts.length) {
    throw new Error(`${kind.name}: ${receipts.length} tokens have ${entries} entries`);
  }
  if (kind.entries === 'table') return `${entries} tokens, each with its row`;
  const keys = await acsIdentity(['audit', 'keys'], { environment });
  const verified = await acsIdentity(
    ['audit', 'verify', '--public-key', ...keys.stdout.trim().split('\n')],
    { environment },
  );
  if (verified.code !== 0) {
    throw new Error(`${kind.name}: the log does not verify\n${verified.stdout}${verified.stderr}`);
  }
  return `${entries} tokens, each with its entry; ${verified.stdout.trim()}`;
}

async function* tokenEntries(
  contender: RunningContender,
): AsyncGenerator<{ readonly index: number; readonly id: string }> {
  const source =
    contender.kind.entries === 'table'
      ? 'issued_token WHERE true'
      : `audit_entry WHERE action IN ('token.issue', 'token.reuse') AND outcome = 'success'`;
  for (let after = -1; ;) {
    const rows = await contender.rows<{ entry_index: string; id: string }>(
      `SELECT entry_index, id FROM ${source} AND entry_index > $1 ORDER BY entry_index LIMIT ${PAGE}`,
      [after],
    );
    for (const { entry_index, id } of rows) yield { index: Number(entry_index), id };
    if (rows.length < PAGE) return;
    after = Number(rows.at(-1)?.entry_index);
  }
}
