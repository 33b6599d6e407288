import { InvalidKey, NoteVerifier, parseNote } from '#libs/transparency-log';
import type { AuditFaults } from './audit-fault.js';
import type { Query, StoredHead } from './stored-rows.js';

interface SigningKeys {
  readonly from: number;
  readonly verifiers: readonly NoteVerifier[];
}

/** Compares the stored sets of signing keys with the signatures of the heads that they are about. */
export class SigningKeysCheck {
  readonly #rows: SigningKeys[] = [];
  #inForce: SigningKeys | undefined;

  private constructor(private readonly faults: AuditFaults) {}

  /** @param start size of the log at which the verification begins */
  static async load(query: Query, faults: AuditFaults, start: number): Promise<SigningKeysCheck> {
    const check = new SigningKeysCheck(faults);
    // A database of an earlier release has no such table yet.
    const [table] = await query<{ exists: boolean }>(
      `SELECT to_regclass('audit_signing_keys') IS NOT NULL AS exists`,
    );
    if (table?.exists !== true) return check;
    const rows = await query<{ from_size: string; keys: readonly unknown[] | null }>(
      'SELECT from_size, keys FROM audit_signing_keys ORDER BY from_size',
    );
    for (const { from_size: from, keys } of rows) check.#addRow(Number(from), keys ?? []);
    while ((check.#rows[0]?.from ?? start) < start) check.#inForce = check.#rows.shift();
    return check;
  }

  /** Checks the next head. Its checkpoint is well-formed, and signed by a trusted key. */
  check({ from, checkpoint }: StoredHead): void {
    const { text, signatures } = parseNote(checkpoint);
    while ((this.#rows[0]?.from ?? from) < from) this.#reportStray();
    if (this.#rows[0]?.from === from) {
      this.#inForce = this.#rows.shift();
      const verifiers = this.#inForce?.verifiers ?? [];
      const isExact =
        verifiers.length === signatures.length &&
        verifiers.every((verifier) => signatures.some((one) => verifier.verify(text, one)));
      if (!isExact) this.#report(from);
      return;
    }
    if (!this.#inForce) return;
    const { verifiers } = this.#inForce;
    const isSame =
      verifiers.length === signatures.length &&
      verifiers.every((verifier) => signatures.some((one) => verifier.claims(one)));
    if (isSame) return;
    // Of a row that is missing, the first head is enough.
    this.#inForce = undefined;
    this.#report(from);
  }

  /** Reports rows about heads that do not exist. */
  finish(): void {
    while (this.#rows.length > 0) this.#reportStray();
  }

  #addRow(from: number, keys: readonly unknown[]): void {
    const verifiers = keys.flatMap((key) => tryParseKey(key) ?? []);
    const isRight = from >= 0 && verifiers.length > 0 && verifiers.length === keys.length;
    if (isRight) this.#rows.push({ from, verifiers });
    else this.#report(from);
  }

  #reportStray(): void {
    const row = this.#rows.shift();
    if (row) this.#report(row.from);
  }

  #report(from: number): void {
    this.faults.add('signing-key-differs', from, 'the keys of the checkpoints from here on');
  }
}

/** @returns `undefined` for what is no verifier key: anything may stand in a row that was edited */
export function tryParseKey(text: unknown): NoteVerifier | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return NoteVerifier.parse(text);
  } catch (error) {
    if (error instanceof InvalidKey) return undefined;
    throw error;
  }
}
