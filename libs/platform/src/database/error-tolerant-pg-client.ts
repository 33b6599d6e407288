import { Client, type ClientConfig } from 'pg';

/**
 * A pg client whose lost connection does not end the process.
 *
 * pg emits `error` when a connection is lost, which ends the process if there is no listener. Between
 * the pool and TypeORM there are moments without one. The listener hides nothing: statements on a lost
 * connection fail, and the pool has its own listener for idle clients.
 */
export class ErrorTolerantPgClient extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}
