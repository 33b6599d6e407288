import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalName, type ReadingDatabase } from '#libs/platform';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { alice, denied, issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { EntryCounter } from './entry-counter.js';
import { EntryFacets } from './entry-facets.js';
import { EntryRepository } from './entry-repository.js';
import { EntryStatistics } from './entry-statistics.js';
import { type StatisticsQuery, StatisticsReader } from './statistics-reader.js';

const START = Date.parse('2026-03-29T00:00:00Z');
const HOUR_MS = 3_600_000;
const window = { from: new Date(START), to: new Date(START + 24 * HOUR_MS) };
/** The window is not over. */
const newestAt = new Date(START + 10 * HOUR_MS);
const bob = { ...alice, tenant: canonicalName('fabrikam'), subject: canonicalName('bob') };

describe('StatisticsReader', () => {
  let database: TestDatabase;
  let log: TestLog;

  /** One entry in each of the first ten hours of a day, two of them denied, three under the rule `night`. */
  beforeAll(async () => {
    const clock = new ManualClock(START);
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl, { clock, timeoutMs: 1e9 });
    for (let hour = 0; hour < 10; hour += 1) {
      const isNight = hour < 3;
      await log.trail.record(
        hour >= 8
          ? denied(bob)
          : { ...issued(hour), ...(isNight && { policy: { rule: 'night', version: '2' } }) },
      );
      await clock.advance(HOUR_MS);
    }
    await log.trail.record({ ...issued(10), policy: { rule: 'day', version: '2' } });
    while (await log.get(EntryStatistics).rollUp());
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  async function counts(query: Partial<StatisticsQuery>): Promise<string[]> {
    const read = await log
      .get(StatisticsReader)
      .read({ ...window, bucket: 'none', dimensions: ['action'], ...query });
    expect(read.countedThrough).toEqual(newestAt);
    return read.counts.map(
      ({ dimension, value, isRest, entries }) =>
        `${dimension} ${isRest ? 'rest' : (value ?? 'none')} ${entries}`,
    );
  }

  it.each<[string, Partial<StatisticsQuery>, string[]]>([
    ['stored', {}, ['action token.issue 9', 'action authorization.deny 2']],
    ['read', { actorKind: 'user' }, ['action token.issue 9', 'action authorization.deny 2']],
    ['of an outcome', { outcome: 'denied' }, ['action authorization.deny 2']],
    ['of a rule', { rule: 'night' }, ['action token.issue 3']],
    ['of a person', { actorSubject: bob.subject }, ['action authorization.deny 2']],
    [
      'by rule',
      { dimensions: ['rule'] },
      ['rule default 5', 'rule night 3', 'rule none 2', 'rule day 1'],
    ],
    ['by scope', { dimensions: ['scope'] }, ['scope chat 9', 'scope voip 9', 'scope none 2']],
    [
      'the largest',
      { dimensions: ['rule'], top: 2 },
      ['rule default 5', 'rule night 3', 'rule rest 3'],
    ],
    [
      'by several dimensions',
      { dimensions: ['outcome', 'targetTenant', 'actorKind'] },
      [
        ...['outcome success 9', 'outcome denied 2', `targetTenant ${alice.tenant} 9`],
        ...['targetTenant fabrikam 2', 'actorKind user 11'],
      ],
    ],
  ])('counts entries: %s', async (_what, query, expected) => {
    expect(await counts(query)).toEqual(expected);
  });

  it.each(['stored', 'read'])(
    'groups by the calendar of a time zone, across a clock change: %s',
    async (how) => {
      const filter = how === 'read' ? { actorKind: 'user' as const } : {};
      const read = async (timeZone: string) => {
        const query = {
          ...window,
          bucket: 'day',
          dimensions: ['action'],
          timeZone,
          ...filter,
        } as const;
        const { counts: found } = await log.get(StatisticsReader).read(query);
        return found.map(({ bucketStart, entries }) => `${bucketStart.toISOString()} ${entries}`);
      };
      expect(await read('Europe/Zurich')).toEqual([
        '2026-03-28T23:00:00.000Z 9',
        '2026-03-28T23:00:00.000Z 2',
      ]);
      // Half an hour off: the stored counts of hours do not fit.
      expect(await read('Asia/Kolkata')).toEqual([
        '2026-03-28T18:30:00.000Z 9',
        '2026-03-28T18:30:00.000Z 2',
      ]);
      expect(await read('Pacific/Honolulu')).toEqual([
        '2026-03-28T10:00:00.000Z 8',
        '2026-03-28T10:00:00.000Z 2',
        '2026-03-29T10:00:00.000Z 1',
      ]);
    },
  );

  it('counts the window before this one', async () => {
    const half = { from: new Date(START + 5 * HOUR_MS), to: new Date(START + 10 * HOUR_MS) };
    const query = { ...half, bucket: 'none', dimensions: ['outcome'], previous: true } as const;
    const { counts: current, previous } = await log.get(StatisticsReader).read(query);
    const total = (some: readonly { entries: number }[] = []): number =>
      some.reduce((sum, { entries }) => sum + entries, 0);
    expect([total(current), total(previous?.counts)]).toEqual([5, 5]);
    expect(previous).toMatchObject({ from: window.from, to: half.from });
  });

  it.each([
    ['a window that is over', 0, 5, 5],
    ['one that ends after the newest entry', 0, 24, 10],
    ['one that begins after it', 12, 24, 12],
  ])('says through when it has counted: %s', async (_which, from, to, through) => {
    const at = (hour: number): Date => new Date(START + hour * HOUR_MS);
    const hours = { from: at(from), to: at(to), bucket: 'none' } as const;
    for (const dimension of ['action', 'rule'] as const) {
      const read = await log.get(StatisticsReader).read({ ...hours, dimensions: [dimension] });
      expect(read.countedThrough, dimension).toEqual(at(through));
    }
  });

  it('counts more groups than a call can have arguments', async () => {
    const rows = Array.from({ length: 200_000 }, (_, nth) => ({
      ...{ start: window.from, kind: 'clientApp', value: `app-${nth}`, entries: '1' },
    }));
    const database = { query: async () => Promise.resolve(rows) } as unknown as ReadingDatabase;
    const entries = log.get(EntryRepository);
    const counter = new EntryCounter(database, entries, log.get(EntryFacets));
    const reader = new StatisticsReader(log.get(EntryStatistics), counter, entries);
    const filter = { outcome: 'success' } as const; // so that the entries are read
    const query = { ...window, ...filter, bucket: 'none', dimensions: ['clientApp'] } as const;
    expect((await reader.read(query)).counts).toHaveLength(200_000);
  });
});
