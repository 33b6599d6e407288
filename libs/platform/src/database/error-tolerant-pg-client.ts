import { Client, type ClientConfig } from 'pg';

/**
 * A connection whose loss ends no process.
 *
 * pg tells of a lost connection by an event that ends the process when nobody listens, and between the
 * pool and TypeORM there are moments in which nobody does. Nothing is hidden by listening: whoever uses
 * the connection hears of it from its statements, and the pool listens itself for idle ones.
 */
export class ErrorTolerantPgClient extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}
