// A delay proxy in a worker: a busy client must not delay the database further.
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { DelayProxy, type DelayProxyOptions } from '../test/support/delay-proxy.js';

interface DelayTask extends DelayProxyOptions {
  readonly databaseUrl: string;
}

/** A database at a distance. */
export interface DelayedDatabase {
  readonly url: string;
  stop(): Promise<void>;
}

/** `DelayProxy` in a thread of its own. */
export async function delayDatabase(task: DelayTask): Promise<DelayedDatabase> {
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  const [url] = (await once(worker, 'message')) as [string];
  return {
    url,
    stop: async () => {
      await worker.terminate();
    },
  };
}

if (parentPort) {
  const { databaseUrl, ...options } = workerData as DelayTask; // `delayDatabase` started it
  const proxy = await DelayProxy.start(options);
  parentPort.postMessage(proxy.urlOf(databaseUrl));
}
