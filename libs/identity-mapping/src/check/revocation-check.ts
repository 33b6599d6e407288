import type { Transaction } from '#libs/platform';

const STARTS = `
  SELECT entry_index AS index FROM audit_entry
  WHERE action = 'revocation.start' AND outcome = 'success' ORDER BY entry_index`;

/** The mass revocations of the log. Each has the number that follows that of the one before it. */
export class RevocationStarts {
  /**
   * @param indexes of the entries that started them, ascending
   * @param newest number of the last one; Infinity where it is not known
   */
  constructor(
    private readonly indexes: readonly number[],
    readonly newest: number,
  ) {}

  /** @param areRetired whether earlier entries may be retired, so that the table says how many there were */
  static async read(transaction: Transaction, areRetired: boolean): Promise<RevocationStarts> {
    const rows = await transaction.query<{ index: string }[]>(STARTS);
    const indexes = rows.map(({ index }) => Number(index));
    if (!areRetired) return new RevocationStarts(indexes, indexes.length);
    const [role] = await transaction.query<{ isPermitted: boolean }[]>(
      `SELECT has_table_privilege('revocation', 'SELECT') AS "isPermitted"`,
    );
    if (role?.isPermitted !== true) return new RevocationStarts(indexes, Infinity);
    const [last] = await transaction.query<{ number: number }[]>(
      'SELECT coalesce(max(number), 0) AS number FROM revocation',
    );
    return new RevocationStarts(indexes, Math.max(indexes.length, last?.number ?? 0));
  }

  /** The number of the newest one that started before an entry; 0: none; Infinity where it is not known. */
  numberBefore(entryIndex: number): number {
    const later = this.indexes.filter((index) => index > entryIndex).length;
    return this.newest - later;
  }
}
