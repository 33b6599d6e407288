import type { DataSource } from 'typeorm';

/** What a waiting session waits for, and who keeps it. Another role's sessions show no times and states. */
const BLOCKERS = `
  SELECT DISTINCT coalesce(
      (SELECT CASE WHEN l.locktype = 'advisory' THEN 'another migration'
                   WHEN l.relation IS NULL THEN 'a transaction'
                   ELSE 'the table ' || l.relation::regclass END
       FROM pg_locks l WHERE l.pid = waiting.pid AND NOT l.granted LIMIT 1), 'a lock') AS what,
    format('pid %s (%s%s%s)%s', b.pid, b.usename,
      CASE WHEN b.application_name <> '' THEN ', ' || b.application_name END,
      ', ' || b.state, ', query since ' || date_trunc('second', b.query_start)::text) AS who
  FROM pg_stat_activity waiting, unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
  JOIN pg_stat_activity b ON b.pid = blocking.pid
  WHERE waiting.application_name = $1 AND waiting.pid <> pg_backend_pid()`;

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
