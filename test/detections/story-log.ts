import { type AuditEvent, EntryFeed, EXPORT_FORMATS } from '#libs/audit';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import type { SigmaEvent } from '../support/sigma.js';
import type { Step } from './stories.js';

const MINUTE_MS = 60_000;

/** The real log, on a database and a clock of its own. Each story has a day of its own. */
export class StoryLog {
  #day = 2;

  private constructor(
    private readonly database: TestDatabase,
    private readonly clock: ManualClock,
    private readonly log: TestLog,
  ) {}

  static async open(): Promise<StoryLog> {
    const clock = new ManualClock('2026-03-02T09:00:00Z');
    const database = await testDatabase();
    return new StoryLog(database, clock, await openTestLog(database.serviceUrl, { clock }));
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.database.close();
  }

  /**
   * Records the steps on the next day.
   *
   * @param time of the first one, such as `10:00:00`
   * @returns what a sink with the format `ndjson` gets of them
   */
  async recordedAt(steps: readonly Step[], time: string): Promise<SigmaEvent[]> {
    this.#day += 1;
    const startAt = `${new Date(Date.UTC(2026, 2, this.#day)).toISOString().slice(0, 10)}T${time}Z`;
    await this.clock.advance(Date.parse(startAt) - this.clock.now());
    const feed = this.log.get(EntryFeed);
    const from = await feed.size();
    let together: AuditEvent[] = [];
    for (const step of steps) {
      if (typeof step !== 'number') {
        together.push(step);
        continue;
      }
      if (together.length > 0) await this.log.trail.recordAll(together);
      together = [];
      await this.clock.advance(step * MINUTE_MS);
    }
    if (together.length > 0) await this.log.trail.recordAll(together);
    const { entries } = await feed.read(from, 10_000);
    return entries.map((entry) => JSON.parse(EXPORT_FORMATS.ndjson.line(entry)) as SigmaEvent);
  }
}
