import { setImmediate } from 'node:timers/promises';
import type { AuditEvent } from '#libs/audit';
import type { Database } from '#libs/platform';
import { encodeEntry, type EncodedEntry } from '../libs/audit/src/entry/encode-entry.js';
import {
  copyEntries,
  copyPersonalRows,
  personalRows,
} from '../libs/audit/src/postgres/append-statements.js';
import { forEachYielding } from '../libs/audit/src/trail/for-each-yielding.js';

interface Waiting {
  readonly entry: EncodedEntry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What the log is held against: the same rows into the same tables, in batches of the same size, each
 * batch one durable transaction; but no lock, no sequence that others could share, no tree, no signature.
 */
export class PlainInserts {
  #queue: Waiting[] = [];
  #isWorking = false;
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
    if (!this.#isWorking) void this.#work();
    await promise;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    await setImmediate();
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, 2048);
      try {
        await this.#insert(batch.map(({ entry }) => entry));
        void forEachYielding(batch, ({ resolve }) => {
          resolve();
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isWorking = false;
  }

  async #insert(entries: readonly EncodedEntry[]): Promise<void> {
    const from = this.#next;
    this.#next += entries.length;
    await this.database.transaction(async (transaction) => {
      const copy = await copyEntries(transaction, entries, from);
      await copy.sent;
      const personal = personalRows(entries, from);
      await copy.stored;
      await copyPersonalRows(transaction, personal);
    });
  }
}
