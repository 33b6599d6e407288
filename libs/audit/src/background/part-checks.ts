import {
  type Clock,
  type Database,
  DatabaseUnavailable,
  sqlState,
  type Transaction,
} from '#libs/platform';
import { truncate } from '../entry/sanitize.js';
import { logSize } from '../postgres/log-queries.js';
import {
  type CheckedPlaces,
  type Finding,
  carryOver,
  mergeFindings,
  type PartPosition,
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

/** Of what was added to a part, of a slice with findings again, or of the slice that is due in the pass. */
export type CheckKind = 'new' | 'again' | 'due';

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

/** Between two checks of a slice that has findings. */
const AGAIN_MS = 120_000;
const SERIALIZATION_FAILURE = '40001';
/** Characters of a finding's texts: an entry has it whole. */
const MAX_TEXT = 500;

/** Checks one part at a time, each in a transaction of its own, so that one that fails keeps none from its turn. */
export class PartChecks {
  /** By part, the number of its last turn. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  /** By part and slice with findings, when this process last checked it again. */
  readonly #checkedAgainAt = new Map<string, ReadonlyMap<string, number>>();

  constructor(
    private readonly database: Database,
    private readonly parts: readonly VerifiedPart[],
    private readonly passMs: number,
    private readonly clock: Clock,
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
      return checked && storeResult(store, transaction, state, checked);
    });
  }

  /**
   * Checks a slice of a part again that has findings, so that they don't wait for the next pass: the data may
   * have been repaired, or the check may have failed for a while only. The pass stays at its place.
   *
   * @returns `undefined` when no slice is due, or when another replica verifies
   * @throws PartFailed
   */
  async checkAgain(part: VerifiedPart): Promise<PartCheck | undefined> {
    return this.#locked(async (store, transaction) => {
      const state = (await store.read([part.name]))[0];
      const slice = state && this.#sliceToCheckAgain(state);
      if (!state || !slice) return undefined;
      const { found, isChecked } = await part.check(transaction, slice).catch(failing(part));
      const { position } = state;
      return storeResult(store, transaction, state, { position, slice, found, isChecked });
    });
  }

  /** Of the slices with findings the one that has waited longest; first those that this process has not checked again. */
  #sliceToCheckAgain({ part, findings }: StoredPart): PartPosition | undefined {
    const slices = new Map(
      findings.flatMap(({ slice }) => (slice ? [[JSON.stringify(slice), slice] as const] : [])),
    );
    const before = this.#checkedAgainAt.get(part) ?? new Map<string, number>();
    const checkedAt = new Map([...before].filter(([key]) => slices.has(key)));
    const waitedMs = (key: string): number =>
      this.clock.monotonicNow() - (checkedAt.get(key) ?? -Infinity);
    const [due] = [...slices]
      .filter(([key]) => waitedMs(key) >= AGAIN_MS)
      .sort(([a], [b]) => waitedMs(b) - waitedMs(a));
    if (due) checkedAt.set(due[0], this.clock.monotonicNow());
    this.#checkedAgainAt.set(part, checkedAt);
    return due?.[1];
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
      return storeResult(store, transaction, due, checked);
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

async function storeResult(
  store: VerificationStore,
  transaction: Transaction,
  { part, findings: before, position }: StoredPart,
  checked: CheckedPlaces,
): Promise<PartCheck> {
  const slice = checked.slice ?? position;
  const found = checked.found.map((one) => ({ ...shortened(one), slice }));
  const merged = mergeFindings(before, checked.isChecked, found);
  const after = carryOver(before, merged, await logSize(transaction));
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
