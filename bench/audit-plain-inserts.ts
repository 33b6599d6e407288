import { setImmediate } from 'node:timers/promises';
import type { AuditEvent } from '#libs/audit';
import type { Database } from '#libs/platform';
import { encodeEntry, type EncodedEntry } from '../libs/audit/src/entry/encode-entry.js';
import { copyEntries } from '../libs/audit/src/postgres/append-statements.js';
import { flyInTransaction } from '../libs/audit/src/log/function-append.js';
import { forEachYielding } from '../libs/audit/src/trail/for-each-yielding.js';

/** As many entries as the log commits at once. */
const MAX_BATCH = 2048;

interface PendingEntry {
  readonly entry: EncodedEntry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The baseline for the log: the same rows into the same tables, in batches of the same size, each batch
 * in one durable transaction, without a lock, a shared sequence, a tree or a signature.
 */
export class PlainInserts {
  #queue: PendingEntry[] = [];
  #isInserting = false;
  #next = 0;

  constructor(private readonly database: Database) {}

  async record(event: AuditEvent): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const entry = encodeEntry(event, Date.now());
    this.#queue.push({
      entry,
      resolve: () => {
        resolve(undefined);
      },
      reject,
    });
    if (!this.#isInserting) void this.#insertQueued();
    await promise;
  }

  async #insertQueued(): Promise<void> {
    this.#isInserting = true;
    await setImmediate();
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      try {
        await this.#insert(batch.map(({ entry }) => entry));
        void forEachYielding(batch, ({ resolve }) => {
          resolve();
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isInserting = false;
  }

  async #insert(entries: readonly EncodedEntry[]): Promise<void> {
    const from = this.#next;
    this.#next += entries.length;
    await this.database.transaction(async (transaction) => {
      await flyInTransaction(transaction, copyEntries(entries, from));
    });
  }
}
