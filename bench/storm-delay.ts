// Runs in a worker: a busy client must not delay the database further.
import { parentPort, workerData } from 'node:worker_threads';
import { DelayProxy, type DelayProxyOptions } from '../test/support/delay-proxy.js';

const { databaseUrl, ...options } = workerData as DelayProxyOptions & {
  readonly databaseUrl: string;
}; // `storm.ts` is the only one to start it
const proxy = await DelayProxy.start(options);
parentPort?.postMessage(proxy.urlOf(databaseUrl));
