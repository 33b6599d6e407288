import type { DataSource } from 'typeorm';

/** SQL of the key of the lock that one migrator has. */
export const MIGRATOR_LOCK = `hashtext('acs-identity migrate')`;

/** A session that keeps a lock. Another role's sessions show no times and states. */
const KEEPER = `format('pid %s (%s%s%s)%s', keeper.pid, keeper.usename,
  CASE WHEN keeper.application_name <> '' THEN ', ' || keeper.application_name END,
  ', ' || keeper.state, ', query since ' || date_trunc('second', keeper.query_start)::text)`;

/** What the sessions of an application name wait for, and who keeps it. They try the migrators' lock repeatedly. */
const BLOCKERS = `
  SELECT DISTINCT coalesce(
      (SELECT CASE WHEN l.relation IS NULL THEN 'a transaction'
                   ELSE 'the table ' || l.relation::regclass END
       FROM pg_locks l WHERE l.pid = waiting.pid AND NOT l.granted LIMIT 1), 'a lock') AS what,
    ${KEEPER} AS who
  FROM pg_stat_activity waiting, unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
  JOIN pg_stat_activity keeper ON keeper.pid = blocking.pid
  WHERE waiting.application_name = $1 AND waiting.pid <> pg_backend_pid()
  UNION ALL
  SELECT 'another migration', ${KEEPER}
  FROM pg_locks l JOIN pg_stat_activity keeper ON keeper.pid = l.pid
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND keeper.application_name <> $1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.objid::bigint = ${MIGRATOR_LOCK}::bigint & 4294967295`;

const INTERVAL_MS = 1_000;

/** Reports what the sessions of an application name wait for, when it changes. */
export class LockMonitor {
  /** The newest report; `undefined` while nothing has waited. */
  latest: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param report called with a sentence */
  constructor(
    private readonly dataSource: DataSource,
    private readonly applicationName: string,
    private readonly report: (sentence: string) => void,
  ) {}

  start(): void {
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        if (!this.#isStopped) this.start();
      });
    }, INTERVAL_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const rows = await this.dataSource
      .query<{ what: string; who: string }[]>(BLOCKERS, [this.applicationName])
      .catch(() => []); // a report only: the migration itself meets the same fault
    if (rows.length === 0 || this.#isStopped) return;
    const sentence = `waits for ${rows.map(({ what, who }) => `${what}, kept by ${who}`).join('; ')}`;
    if (sentence !== this.latest) this.report(sentence);
    this.latest = sentence;
  }
}
