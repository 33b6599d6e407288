import type { Pool } from 'pg';
import { Gauge, type Registry } from 'prom-client';
import type { DataSource } from 'typeorm';

/** Shows the connections of the pools, which are counted when somebody reads the metrics. */
export function registerPoolMetrics(
  pools: Readonly<Record<string, DataSource>>,
  registry: Registry,
): void {
  const open = (): [string, Pool][] =>
    Object.entries(pools).flatMap(([name, { driver, isInitialized }]) => {
      const { master } = driver as unknown as { readonly master?: Pool }; // TypeORM's driver is pg
      return isInitialized && master ? [[name, master]] : [];
    });
  new Gauge({
    name: 'database_connections',
    help: 'Open connections to PostgreSQL',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect() {
      for (const [pool, { idleCount, totalCount }] of open()) {
        this.set({ pool, state: 'idle' }, idleCount);
        this.set({ pool, state: 'used' }, totalCount - idleCount);
      }
    },
  });
  new Gauge({
    name: 'database_connections_max',
    help: 'Connections that the pool may open',
    labelNames: ['pool'],
    registers: [registry],
    collect() {
      for (const [pool, { options }] of open()) this.set({ pool }, options.max);
    },
  });
  new Gauge({
    name: 'database_connection_requests',
    help: 'Statements and transactions that wait for a connection',
    labelNames: ['pool'],
    registers: [registry],
    collect() {
      for (const [pool, { waitingCount }] of open()) this.set({ pool }, waitingCount);
    },
  });
}
