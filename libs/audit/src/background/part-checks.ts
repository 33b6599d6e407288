import { type Database, DatabaseUnavailable, sqlState, type Transaction } from '#libs/platform';
import { truncate } from '../entry/sanitize.js';
import {
  type CheckedPlaces,
  type Finding,
  keepKnown,
  mergeFindings,
  type VerifiedPart,
} from './verified-part.js';
import { type StoredPart, VerificationStore } from './verification-store.js';

/** What a check changed in the findings of a part. */
export interface PartCheck {
  readonly part: string;
  readonly before: readonly Finding[];
  readonly after: readonly Finding[];
  /** Those of `after` that this check found itself. */
  readonly found: readonly Finding[];
}

/** A part could not be checked. The others can. */
export class PartFailed extends Error {
  override readonly name = 'PartFailed';

  constructor(
    readonly part: string,
    override readonly cause: unknown,
  ) {
    super(`the part ${part} can't be checked`, { cause });
  }
}

const SERIALIZATION_FAILURE = '40001';
/** Characters of a finding's texts: an entry has it whole. */
const MAX_TEXT = 500;

/** Checks one part at a time, each in a transaction of its own, so that one that fails keeps none from its turn. */
export class PartChecks {
  /** By part, the number of its last turn. */
  readonly #turns = new Map<string, number>();
  #turn = 0;

  constructor(
    private readonly database: Database,
    private readonly parts: readonly VerifiedPart[],
    private readonly passMs: number,
  ) {}

  /**
   * Checks what was added to a part.
   *
   * @returns `undefined` when nothing was, or when another replica verifies
   * @throws PartFailed
   */
  async checkNew(part: VerifiedPart): Promise<PartCheck | undefined> {
    return this.#locked(async (store, transaction) => {
      const state = (await store.read([part.name]))[0];
      if (!part.checkNew || !state || Object.keys(state.position).length === 0) return undefined;
      const checked = await part.checkNew(transaction, state.position).catch(failing(part));
      return checked && keep(store, transaction, state, checked);
    });
  }

  /**
   * Checks the next slice of the part that is due and has waited longest for its turn.
   *
   * @param failed parts that are left out
   * @returns `undefined` when none is due, or when another replica verifies
   * @throws PartFailed
   */
  async checkDue(failed: ReadonlySet<string>): Promise<PartCheck | undefined> {
    return this.#locked(async (store, transaction) => {
      const states = await store.read(this.parts.map(({ name }) => name));
      const [due] = states
        .filter(({ part, lateMs }) => lateMs >= 0 && !failed.has(part))
        .sort((a, b) => this.#turnOf(a.part) - this.#turnOf(b.part) || b.lateMs - a.lateMs);
      const part = this.parts.find(({ name }) => name === due?.part);
      if (!part || !due) return undefined;
      this.#turns.set(part.name, (this.#turn += 1));
      const checked = await part.check(transaction, due.position).catch(failing(part));
      return keep(store, transaction, due, checked);
    });
  }

  #turnOf(part: string): number {
    return this.#turns.get(part) ?? 0;
  }

  async #locked(
    check: (store: VerificationStore, transaction: Transaction) => Promise<PartCheck | undefined>,
  ): Promise<PartCheck | undefined> {
    try {
      return await this.database.transaction(async (transaction) => {
        const store = new VerificationStore(transaction, this.passMs);
        return (await store.lock()) ? check(store, transaction) : undefined;
      });
    } catch (error) {
      const cause = error instanceof PartFailed ? error.cause : error;
      const ofDatabase = cause instanceof DatabaseUnavailable ? cause.cause : cause;
      // Another replica was faster.
      if (sqlState(ofDatabase) === SERIALIZATION_FAILURE) return undefined;
      throw error;
    }
  }
}

function failing({ name }: VerifiedPart): (error: unknown) => never {
  return (error) => {
    throw new PartFailed(name, error);
  };
}

async function keep(
  store: VerificationStore,
  transaction: Transaction,
  { part, findings: before }: StoredPart,
  checked: CheckedPlaces,
): Promise<PartCheck> {
  const found = checked.found.map(shortened);
  const merged = mergeFindings(before, checked.isChecked, found);
  const after = keepKnown(before, merged, await logSize(transaction));
  await store.write(part, checked, after);
  const isFound = (_: Finding, nth: number): boolean => found.some((one) => one === merged[nth]);
  return { part, before, after, found: after.filter(isFound) };
}

function shortened({ place, kind, detail, cause }: Finding): Finding {
  return {
    place: truncate(place, MAX_TEXT),
    kind,
    detail: truncate(detail, MAX_TEXT),
    ...(cause !== undefined && { cause: truncate(cause, MAX_TEXT) }),
  };
}

async function logSize(transaction: Transaction): Promise<number> {
  const [row] = await transaction.query<{ size: string | null }[]>(
    'SELECT max(size) AS size FROM audit_head',
  );
  return Number(row?.size ?? 0);
}
