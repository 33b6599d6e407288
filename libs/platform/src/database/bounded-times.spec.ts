import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../testing/test-database.js';
import { dataSourceOptions } from './data-source-options.js';

describe('the times of the database', () => {
  let place: TestDatabase;
  let source: DataSource;

  beforeAll(async () => {
    place = await testDatabase();
    const options = { url: place.serviceUrl, poolSize: 1, timeoutMs: 10_000 };
    source = await new DataSource(dataSourceOptions(options)).initialize();
  });
  afterAll(async () => {
    await source.destroy();
    await place.close();
  });

  it.each([
    ['2026-11-27 13:00:00.123456+01', '2026-11-27T12:00:00.123Z'],
    ['infinity', '9999-12-31T23:59:59.999Z'],
    ['290000-01-01', '9999-12-31T23:59:59.999Z'],
    ['10000-01-01', '9999-12-31T23:59:59.999Z'],
    ['-infinity', '0001-01-01T00:00:00.000Z'],
    ['4000-01-01 BC', '0001-01-01T00:00:00.000Z'],
  ])('are dates that can be written and compared, also %s', async (text, expected) => {
    const [row] = await source.query<{ at: Date }[]>('SELECT $1::timestamptz AS at', [text]);
    expect(row?.at.toISOString()).toBe(expected);
  });
});
