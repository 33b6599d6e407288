import { Inject, Injectable } from '@nestjs/common';
import { QueryRunnerProviderAlreadyReleasedError } from 'typeorm';
import { Clock, Database, DatabaseUnavailable, type Transaction } from '#libs/platform';
import {
  hashLeaf,
  type NoteSigner,
  signCheckpoint,
  type TreeFrontier,
} from '#libs/transparency-log';
import { auditSettings, type AuditSettings } from './audit-settings.js';
import type { AuditEvent } from './audit-event.js';
import type { Change } from './audit-trail.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { type EncodedEntry, encodeEntry } from './encode-entry.js';
import { copyEntries, copyPersonalRows, personalRows } from './entry-copy.js';
import { LogEdge } from './log-edge.js';
import { insertHead, type LogHead, lockHead } from './log-tables.js';

/** Entries that stand or fall together, with what stands or falls with them. */
export interface Submission {
  readonly events: readonly AuditEvent[];
  readonly change: Change | undefined;
  readonly encoded: readonly EncodedEntry[];
}

/** What became of a submission: its entries with the index of the first, or the change's error. */
export type Verdict =
  | { readonly firstIndex: number; readonly entries: readonly EncodedEntry[] }
  | { readonly rejection: unknown };

/** The state of the log after a commit. */
interface Attempt {
  readonly edge: TreeFrontier;
  readonly root: Buffer;
  readonly checkpoint: string;
}

/** A signed state of the log that is durable. */
export interface Committed {
  readonly size: number;
  readonly checkpoint: string;
}

/** Appends to the log, many submissions in one transaction. Not for two calls at the same time. */
@Injectable()
export class LogAppender {
  readonly #edge = new LogEdge();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly signers: CheckpointSigners,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /**
   * Commits the submissions in their order.
   *
   * @returns a verdict for each, and the new head unless every change was rejected
   * @throws anything when nothing was committed, or nobody knows whether it was
   */
  async append(
    submissions: readonly Submission[],
  ): Promise<{ verdicts: Verdict[]; committed?: Committed }> {
    const signers = await this.signers.current();
    const verdicts: Verdict[] = [];
    let attempt: Attempt | undefined;
    const change = { isRejected: false };
    try {
      await this.database.transaction(async (transaction) => {
        const head = await lockHead(transaction, this.settings.timeoutMs);
        const edge = await this.#edge.at(head, transaction);
        await changeOfOnly(submissions)?.(transaction).catch((error: unknown) => {
          change.isRejected = true;
          throw error;
        });
        verdicts.push(...(await this.#runChanges(submissions, head, transaction)));
        attempt = await this.#insert(verdicts, edge, signers, transaction);
      });
    } catch (error) {
      if (change.isRejected) return { verdicts: [{ rejection: asOutage(error) }] };
      if (!attempt || !(await this.#isCommitted(attempt))) throw error;
    }
    if (!attempt) return { verdicts };
    this.#edge.committed(attempt.edge);
    return { verdicts, committed: { size: attempt.edge.size, checkpoint: attempt.checkpoint } };
  }

  /** Runs the changes one by one, each in its savepoint: a rejected one takes no other along. */
  async #runChanges(
    submissions: readonly Submission[],
    head: LogHead | undefined,
    transaction: Transaction,
  ): Promise<Verdict[]> {
    const verdicts: Verdict[] = [];
    let index = head?.size ?? 0;
    let time = head?.recordedAtMs ?? 0;
    for (const submission of submissions) {
      const rejection = submissions.length > 1 && (await runChange(submission, transaction));
      if (rejection) {
        verdicts.push(rejection);
        continue;
      }
      const entries = submission.encoded.map((encoded, nth) => {
        const event = submission.events[nth];
        // Another process's clock was ahead: time in the log never goes back.
        const entry = event && encoded.recordedAtMs < time ? encodeEntry(event, time) : encoded;
        time = entry.recordedAtMs;
        return entry;
      });
      verdicts.push({ firstIndex: index, entries });
      index += entries.length;
    }
    return verdicts;
  }

  async #insert(
    verdicts: readonly Verdict[],
    edge: TreeFrontier,
    signers: readonly NoteSigner[],
    transaction: Transaction,
  ): Promise<Attempt | undefined> {
    const entries = verdicts.flatMap((verdict) => ('entries' in verdict ? verdict.entries : []));
    if (entries.length === 0) return undefined;
    const fromSize = edge.size;
    const copy = await copyEntries(transaction, entries, fromSize);
    await copy.sent;
    // Hashed, signed and written here while the server stores the rows.
    const leafHashes = entries.map(({ leaf }) => hashLeaf(leaf));
    const appended = edge.append(leafHashes);
    const root = appended.frontier.root();
    const { origin } = this.settings;
    const checkpoint = signCheckpoint({ origin, size: appended.frontier.size, root }, signers);
    const personal = personalRows(entries, fromSize);
    await copy.stored;
    await copyPersonalRows(transaction, personal);
    await insertHead(transaction, { fromSize, entries, leafHashes, appended, root, checkpoint });
    return { edge: appended.frontier, root, checkpoint };
  }

  /**
   * Whether a commit whose answer was lost did happen. Waits for the lock, which the lost transaction
   * holds until it has ended either way.
   */
  async #isCommitted({ edge, root }: Attempt): Promise<boolean> {
    const until = this.clock.now() + this.settings.timeoutMs;
    for (;;) {
      try {
        return await this.database.transaction(async (transaction) => {
          await lockHead(transaction, this.settings.timeoutMs);
          const [row] = await transaction.query<{ root: Buffer }[]>(
            'SELECT root FROM audit_head WHERE size = $1',
            [edge.size],
          );
          return row?.root.equals(root) ?? false;
        });
      } catch (error) {
        if (this.clock.now() + retryMs > until) throw error;
        await this.clock.sleep(retryMs);
      }
    }
  }
}

const retryMs = 100;

/** A submission that is alone needs no savepoint: when its change fails, so does the transaction. */
function changeOfOnly(submissions: readonly Submission[]): Change | undefined {
  return submissions.length === 1 ? submissions[0]?.change : undefined;
}

async function runChange(
  { change }: Submission,
  transaction: Transaction,
): Promise<{ rejection: unknown } | undefined> {
  if (!change) return undefined;
  await transaction.query('SAVEPOINT audit_change');
  try {
    await change(transaction);
    await transaction.query('RELEASE SAVEPOINT audit_change');
    return undefined;
  } catch (error) {
    // Fails when the connection is gone, and with it the whole transaction.
    await transaction.query('ROLLBACK TO SAVEPOINT audit_change');
    return { rejection: asOutage(error) };
  }
}

/** SQLSTATEs of statements that were given up: an outage, not a finding of the change. */
const givenUp = /^(08...|57...|55P03|40001|40P01)$/;

function asOutage(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const isGivenUp = typeof code === 'string' && givenUp.test(code);
  // The connection broke between two statements of the change: the driver has let go of it.
  const isReleased = error instanceof QueryRunnerProviderAlreadyReleasedError;
  return isGivenUp || isReleased ? new DatabaseUnavailable({ cause: error }) : error;
}
