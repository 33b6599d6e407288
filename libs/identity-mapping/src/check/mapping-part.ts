import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  type CheckedSlice,
  type Finding,
  mergeFindings,
  type PartState,
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

  async check(transaction: Transaction, { position, findings }: PartState): Promise<CheckedSlice> {
    const after = String(position.after ?? FIRST_ID);
    const isFirst = !isCanonicalGuid(after) || after === FIRST_ID;
    const start = isFirst ? FIRST_ID : after;
    const total = isFirst ? await countRows(transaction) : Number(position.total);
    const { lastId, rows, differences } = await this.#check.runSlice(
      transaction,
      start,
      SLICE_ROWS,
    );
    const done = (isFirst ? 0 : Number(position.done)) + rows;
    const orphans = isFirst ? await checkOrphans(transaction) : undefined;
    const others = orphans
      ? mergeFindings(
          findings,
          (place) => place === ORPHANS,
          orphans.map((difference) => ({ ...toFinding(difference), place: ORPHANS })),
        )
      : findings;
    const isInSlice = (place: string): boolean =>
      place !== ORPHANS && place > start && (lastId === undefined || place <= lastId);
    return {
      position: { after: lastId ?? FIRST_ID, done, total },
      progress: lastId === undefined ? 1 : Math.min(1, done / Math.max(1, total)),
      isComplete: lastId === undefined,
      findings: mergeFindings(others, isInSlice, differences.map(toFinding)),
    };
  }
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
