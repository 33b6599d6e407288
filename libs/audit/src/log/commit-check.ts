import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '#libs/platform';
import { type Addition, lockHead, rootAt } from '../postgres/append-statements.js';
import type { Backend, LogConnection } from '../postgres/log-connection.js';
import type { AuditSettings } from '../settings.js';

const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 1_000;

/** Finds out whether a commit took effect whose answer was lost. */
export class CommitCheck {
  readonly #stop = new AbortController();

  constructor(
    private readonly connection: LogConnection,
    private readonly logger: Logger,
    private readonly settings: AuditSettings,
  ) {}

  /**
   * Waits until the answer is known, however long the database is away: nothing can be appended before.
   *
   * @param backend that the flight was sent to. It is terminated first, because it may not have read the
   *   whole flight, and would commit it later. Absent: it holds the lock until its transaction has ended
   * @throws only after `stop`
   */
  async isCommitted({ appended, root }: Addition, backend?: Backend): Promise<boolean> {
    const { timeoutMs } = this.settings;
    this.connection.cut();
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      try {
        if (!backend || (await this.connection.terminate(backend))) {
          const [, [row] = []] = await this.connection.fly(
            [lockHead(timeoutMs), rootAt(appended.frontier.size)],
            timeoutMs,
          );
          return row?.[0] === root.toString('hex');
        }
      } catch (error) {
        this.logger.warn({ error }, 'the outcome of an audit commit is not known yet');
        this.connection.cut();
      }
      await delay(pauseMs, undefined, { signal: this.#stop.signal });
    }
  }

  stop(): void {
    this.#stop.abort(new Error('the outcome of an audit commit is unknown at the shutdown'));
  }
}
