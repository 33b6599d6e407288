import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, dataSourceOptions } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { PostgresRateLimitStore } from './postgres-rate-limit-store.js';

let place: TestDatabase;
let sources: DataSource[];

beforeAll(async () => {
  place = await testDatabase();
  sources = [1, 2].map(
    () =>
      new DataSource(dataSourceOptions({ url: place.serviceUrl, poolSize: 4, timeoutMs: 5000 })),
  );
});

afterAll(async () => {
  for (const source of sources) if (source.isInitialized) await source.destroy();
  await place.drop();
});

describe('PostgresRateLimitStore', () => {
  it('adds up what replicas use at the same time, each key and minute apart', async () => {
    const replicas = sources.map((source) => new PostgresRateLimitStore(new Database(source)));
    const sums = await Promise.all(
      Array.from({ length: 50 }, async (_none, number) =>
        replicas[number % 2]?.add('principal t alice', 100, 3),
      ),
    );
    expect(sums.map(Number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_none, number) => 3 * (number + 1)),
    );
    expect(await replicas[0]?.add('principal t bob', 100, 1)).toBe(1);
    expect(await replicas[0]?.add('principal t alice', 101, 1)).toBe(1);
  });

  it('forgets past minutes only', async () => {
    const [source] = sources;
    if (source === undefined) throw new Error('no database');
    const counter = new PostgresRateLimitStore(new Database(source));
    await counter.add('key', 200, 5);
    await counter.add('key', 201, 7);
    await counter.forgetBefore(201);
    expect(await counter.add('key', 200, 1)).toBe(1);
    expect(await counter.add('key', 201, 1)).toBe(8);
  });
});
