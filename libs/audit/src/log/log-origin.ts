import { Inject, Injectable } from '@nestjs/common';
import type { Database } from '#libs/platform';
import { type NoteVerifier, openCheckpoint, TransparencyLogError } from '#libs/transparency-log';
import { LogOriginDiffers, LogOriginUnfit } from '../errors.js';
import { type LogQuery, readSignedHead } from '../postgres/log-queries.js';
import { auditSettings, type AuditSettings, isFitForNewLog } from '../settings.js';
import { tryParseKey } from '../verify/signing-keys-check.js';
import { CheckpointSigners } from './checkpoint-signers.js';

/**
 * The name under which this process continues the log. A log changes its name only where a process says so by
 * `AUDIT_LOG_PREVIOUS_ORIGIN`: two names that alternate would be two logs to every verifier.
 */
@Injectable()
export class LogOrigin {
  constructor(
    private readonly signers: CheckpointSigners,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /**
   * Decides on the name of the next head. A process whose name the log had earlier follows the log to its new
   * name, so that replicas work until their restart.
   *
   * @param checkpoint of the newest head; absent in an empty log
   * @param query reads the signing keys that the log has listed
   * @param known the name that this process has found before. Default: `AUDIT_LOG_ORIGIN`
   * @throws LogOriginUnfit in an empty log, whose name would stay
   * @throws LogOriginDiffers when this process may not continue the log
   */
  async after(
    checkpoint: string | undefined,
    query: LogQuery,
    known = this.settings.origin,
  ): Promise<string> {
    const { origin, previousOrigin } = this.settings;
    if (checkpoint === undefined && !isFitForNewLog(origin)) throw new LogOriginUnfit();
    const found = checkpoint && originOf(checkpoint);
    if (checkpoint === undefined || found === undefined || found === known) return known;
    if (found === origin || found === previousOrigin) return origin;
    const listed = await listedVerifiers(query);
    // The row was edited: the verification reports it, and it is no reason to issue nothing.
    if (!isSigned(checkpoint, found, listed)) return known;
    const own = (await this.signers.current(found)).map(({ verifier }) => verifier.toString());
    const ownListed = listed.filter((key) => own.includes(key.toString()));
    const hadOrigin = listed.some(({ name }) => name === origin);
    if (hadOrigin && isSigned(checkpoint, found, ownListed)) return found;
    throw new LogOriginDiffers(found, origin);
  }
}

/**
 * Reads the name of the log, which no signature is verified for.
 *
 * @returns `undefined` for an empty log, also when the database has no schema yet
 */
export async function readLogOrigin(database: Database): Promise<string | undefined> {
  const [table] = await database.query<{ exists: boolean }>(
    `SELECT to_regclass('audit_head') IS NOT NULL AS exists`,
  );
  if (table?.exists !== true) return undefined;
  const head = await readSignedHead(database);
  return head && originOf(head.checkpoint);
}

/** The first line of a checkpoint. */
function originOf(checkpoint: string): string | undefined {
  return checkpoint.split('\n', 1)[0];
}

function isSigned(checkpoint: string, origin: string, keys: readonly NoteVerifier[]): boolean {
  try {
    openCheckpoint(checkpoint, { origin, verifiers: keys.filter(({ name }) => name === origin) });
    return true;
  } catch (error) {
    if (error instanceof TransparencyLogError) return false;
    throw error;
  }
}

async function listedVerifiers(query: LogQuery): Promise<NoteVerifier[]> {
  const rows = await query.query<{ key: string | null }[]>(
    'SELECT DISTINCT key FROM audit_signing_keys, unnest(keys) AS key',
  );
  return rows.flatMap(({ key }) => tryParseKey(key) ?? []);
}
