import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  checkOrReport,
  type CheckedSlice,
  type Finding,
  type PartPosition,
  type VerifiedPart,
  VerifiedParts,
} from '#libs/audit';
import { isCanonicalGuid, ReadingDatabase, type Transaction } from '#libs/platform';
import { FIRST_ID, MappingCheck, type MappingDifference } from './mapping-check.js';
import { checkOrphans } from './orphan-check.js';

const SLICE_ROWS = 500;
const ORPHANS = 'orphans';

/** The table of mappings against the log, for the background verifier. */
@Injectable()
export class MappingPart implements VerifiedPart, OnModuleInit {
  readonly name = 'mappings';
  readonly #check: MappingCheck;

  constructor(
    private readonly parts: VerifiedParts,
    database: ReadingDatabase,
  ) {
    this.#check = new MappingCheck(database);
  }

  onModuleInit(): void {
    this.parts.add(this);
  }

  async check(transaction: Transaction, position: PartPosition): Promise<CheckedSlice> {
    const { after, done, total } = await begin(transaction, position);
    const isFirst = after === FIRST_ID;
    const { lastId, rows } = await this.#check.sliceAfter(transaction, after, SLICE_ROWS);
    const isComplete = lastId === undefined;
    const slice = { place: `${after}…`, what: `the slice of mappings after ${after}` };
    const found = await checkOrReport(transaction, slice, async (inner) => {
      const differences = await this.#check.runSlice(inner, after, lastId);
      return differences.map(toFinding);
    });
    const orphans = { place: ORPHANS, what: 'the table of orphans' };
    const ofOrphans = isFirst
      ? await checkOrReport(transaction, orphans, async (inner) =>
          (await checkOrphans(inner)).map((one) => ({ ...toFinding(one), place: ORPHANS })),
        )
      : [];
    return {
      position: { after: lastId ?? FIRST_ID, done: done + rows, total },
      progress: isComplete ? 1 : Math.min(1, (done + rows) / Math.max(1, total)),
      isComplete,
      found: [...ofOrphans, ...found],
      isChecked: (place) => {
        if (place === ORPHANS) return isFirst;
        // Places that are no ids belong to a slice as well.
        return (isFirst || place > after) && (isComplete || place <= lastId);
      },
    };
  }
}

interface MappingPosition {
  readonly after: string;
  readonly done: number;
  readonly total: number;
}

/** Where the slice begins: at the first mapping, unless the position is one within a pass. */
async function begin(
  transaction: Transaction,
  { after, done, total }: PartPosition,
): Promise<MappingPosition> {
  const isWithin = typeof after === 'string' && isCanonicalGuid(after) && after !== FIRST_ID;
  const isCounted = [done, total].every(
    (count) => Number.isSafeInteger(count) && Number(count) >= 0,
  );
  if (isWithin && isCounted) return { after, done: Number(done), total: Number(total) };
  return { after: FIRST_ID, done: 0, total: await countRows(transaction) };
}

function toFinding({ kind, mapping, entry, detail }: MappingDifference): Finding {
  const recorded = entry === undefined ? '' : ` (entry ${entry})`;
  return {
    place: mapping,
    kind,
    detail: `mapping ${mapping}: ${detail}${recorded}`,
    ...(kind === 'column-differs' && { cause: `${kind}: ${detail}` }),
  };
}

async function countRows(transaction: Transaction): Promise<number> {
  const [row] = await transaction.query<{ rows: string }[]>('SELECT count(*) AS rows FROM mapping');
  return Number(row?.rows);
}
