import pg, { type PoolClient } from 'pg';
import { ConnectionFailed } from './connection-failed.js';

type Callback = (
  error: Error | undefined,
  client?: PoolClient,
  done?: PoolClient['release'],
) => void;

/** Of one login: with the newest password, the one before, and one that was read anew. */
const MAX_ATTEMPTS = 3;

/** Repeats a login that was refused while there is another password. Nothing has been sent by then. */
export async function withOtherPassword<T>(connect: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connect();
    } catch (error) {
      const isRepeatable = error instanceof ConnectionFailed && error.isRepeatable;
      if (!isRepeatable || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** The pool of a process whose password changes. */
class ServicePool extends pg.Pool {
  override connect(): Promise<PoolClient>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<PoolClient> | undefined {
    const connected = withOtherPassword(async () => super.connect());
    if (!callback) return connected;
    connected.then(
      (client) => {
        callback(undefined, client, (destroy) => {
          client.release(destroy);
        });
      },
      (error: unknown) => {
        callback(error as Error); // pg rejects with nothing else
      },
    );
    return undefined;
  }
}

/** The module pg with this pool, as TypeORM takes it. */
export const driverWithServicePool: unknown = Object.create(pg, { Pool: { value: ServicePool } });
