// The clients of a storm, in a worker: thousands of connections must not delay the emulator's answers.
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { type Crowd, crowd, type CrowdOptions } from './storm-crowd.js';
import type { Person } from './storm-people.js';

interface ClientTask extends Omit<CrowdOptions, 'urls'> {
  readonly people: readonly Person[];
}

/** How often the worker learns which replicas run. */
const URLS_EVERY_MS = 20;

/** `crowd` in a thread of its own. */
export async function crowdInWorker(
  people: readonly Person[],
  { urls, ...options }: CrowdOptions,
): Promise<Crowd> {
  const task: ClientTask = { ...options, people };
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  const timer = setInterval(() => {
    worker.postMessage(urls());
  }, URLS_EVERY_MS);
  worker.postMessage(urls());
  try {
    const [result] = (await once(worker, 'message')) as [Crowd];
    return result;
  } finally {
    clearInterval(timer);
    await worker.terminate();
  }
}

if (parentPort) {
  const { people, ...options } = workerData as ClientTask; // `crowdInWorker` started it
  let urls = ((await once(parentPort, 'message')) as [string[]])[0];
  parentPort.on('message', (current: string[]) => {
    urls = current;
  });
  parentPort.postMessage(await crowd(people, { ...options, urls: () => urls }));
}
