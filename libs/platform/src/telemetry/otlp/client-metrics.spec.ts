import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../database/data-source-options.js';
import { Database } from '../../database/database.js';
import { OutboundHttp } from '../../outbound/outbound-http.js';
import { testDatabase } from '../../testing/test-database.js';
import { ClientMetrics } from './client-metrics.js';
import { metricDataOf } from './metric-data.js';

const period = { startTime: [1, 0], endTime: [2, 0] } satisfies Record<string, [number, number]>;
let server: Server;
let origin: string;
let metrics: ClientMetrics;

beforeEach(async () => {
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://server');
    if (pathname === '/reset') request.socket.destroy();
    else response.writeHead(pathname === '/busy' ? 503 : 200).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
});

afterEach(() => {
  metrics.stop();
  server.close();
});

async function measured(name: string): Promise<Record<string, unknown>[]> {
  const data = await metricDataOf(metrics.registry, period);
  const metric = data.find(({ descriptor }) => descriptor.name === name);
  return (metric?.dataPoints ?? []).map(({ attributes }) => attributes);
}

/** Requests each path, one after the other. */
async function request(...paths: string[]): Promise<void> {
  const outbound = new OutboundHttp();
  const fetch = outbound.fetch({ timeoutMs: 1_000 });
  for (const path of paths) {
    await fetch(`${origin}${path}?secret=planted`)
      .then(async (answer) => answer.text())
      .catch(() => undefined);
  }
  await outbound.onApplicationShutdown();
}

describe('ClientMetrics', () => {
  it('measures requests by the semantic conventions, without their paths', async () => {
    metrics = new ClientMetrics([]);
    await request('/ready', '/busy', '/reset');
    const common = {
      'http.request.method': 'GET',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(origin).port),
    };
    expect(await measured('http.client.request.duration')).toEqual([
      { ...common, 'http.response.status_code': 200 },
      { ...common, 'http.response.status_code': 503, 'error.type': '503' },
      { ...common, 'error.type': 'UND_ERR_SOCKET' },
    ]);
  });

  it('measures neither the collector nor anything after its end', async () => {
    metrics = new ClientMetrics([origin]);
    await request('/ready');
    metrics.stop();
    metrics = new ClientMetrics([]);
    metrics.stop();
    await request('/ready');
    expect(await measured('http.client.request.duration')).toEqual([]);
  });

  it('measures statements by the semantic conventions, without their parameters', async () => {
    metrics = new ClientMetrics([]);
    const place = await testDatabase();
    const source = new DataSource(
      dataSourceOptions({ url: place.serviceUrl, poolSize: 1, timeoutMs: 5_000 }),
    );
    try {
      const database = new Database(source);
      await database.query('SELECT relname FROM pg_class WHERE relname = $1', ['planted']);
      await database.queryPrepared('types', 'SELECT typname FROM pg_type', []);
      await expect(database.query('SELECT 1 / $1::int AS broken', [0])).rejects.toThrow();
      const seen = await measured('db.client.operation.duration');
      const common = { 'db.system.name': 'postgresql', 'db.operation.name': 'SELECT' };
      for (const collection of ['pg_class', 'pg_type'])
        expect(seen).toContainEqual({
          ...common,
          'db.collection.name': collection,
          'db.query.summary': `SELECT ${collection}`,
        });
      const failed = { 'error.type': '22012', 'db.response.status_code': '22012' };
      expect(seen).toContainEqual({ ...common, 'db.query.summary': 'SELECT', ...failed });
      expect(JSON.stringify(seen)).not.toContain('planted');
    } finally {
      await source.destroy();
      await place.close();
    }
  });
});
