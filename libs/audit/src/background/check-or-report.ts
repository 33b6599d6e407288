import { QueryFailedError } from 'typeorm';
import { isDatabaseOutage, sqlState, StorageUnavailable, type Transaction } from '#libs/platform';
import { CHECK_FAILED, type Finding } from './verified-part.js';

/** SQLSTATE classes of statements that fail on the data they read: cardinality, values, raised errors, limits. */
const OF_DATA = /^(21|22|P0|54)/;

/**
 * Checks a slice. Data on which the check itself fails are a finding of the slice, so that the pass continues
 * behind it. The slice is checked again soon: the server may have failed the statement for another reason.
 *
 * @param what the slice, for people: the same at each check
 * @param check runs within a savepoint, because a failed statement ends its transaction
 * @throws what `check` throws when the database can't serve now, or can't run one of its queries
 */
export async function checkOrReport(
  transaction: Transaction,
  { place, what }: { readonly place: string; readonly what: string },
  check: (transaction: Transaction) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await transaction.transaction(check);
  } catch (error) {
    if (isDatabaseOutage(error) || error instanceof StorageUnavailable) throw error;
    if (error instanceof QueryFailedError && !OF_DATA.test(sqlState(error) ?? '')) throw error;
    const name = error instanceof Error ? error.name : 'unknown error';
    return [{ place, kind: CHECK_FAILED, detail: `${what} can't be checked (${name})` }];
  }
}
