/**
 * The readers of `bench/bulkheads.ts`, in a process of their own with the lowest priority: they stand
 * for other machines. They repeat their requests until the process is ended, and wait for `Retry-After`
 * after a 503.
 *
 *   node bulkheads-flood.js <url of the api> <bearer>...
 *
 * Prints one JSON object with the answers by kind and status each second.
 */
import { setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';

const EXPORTS = 50;
const SEARCHES = 200;
const PAGES = 50;
const IMPORT_BYTES = 10_000_000;

setPriority(19);
const [url = '', ...bearers] = process.argv.slice(2);
const dispatcher = new Agent({ connections: EXPORTS + SEARCHES + PAGES + 1 });
const answers: Record<string, number> = {};

interface Reading {
  readonly kind: string;
  readonly path: string;
  readonly body?: Buffer;
}

function readings(): readonly Reading[] {
  const repeat = (count: number, kind: string, path: string): Reading[] =>
    Array.from({ length: count }, () => ({ kind, path }));
  return [
    {
      kind: 'import of empty lines',
      path: '/v1/identities/import',
      body: Buffer.alloc(IMPORT_BYTES, '\n'),
    },
    ...repeat(EXPORTS, 'export', '/v1/audit/export'),
    ...repeat(SEARCHES, 'search', '/v1/audit/entries?reasonText=refused'),
    ...repeat(PAGES, 'page of 1,000', '/v1/audit/entries?limit=1000'),
  ];
}

async function read({ kind, path, body }: Reading, bearer: string): Promise<void> {
  for (;;) {
    const answer = await request(`${url}${path}`, {
      dispatcher,
      method: body ? 'POST' : 'GET',
      headers: {
        authorization: `Bearer ${bearer}`,
        ...(body && { 'content-type': 'application/x-ndjson' }),
      },
      ...(body && { body }),
    }).catch(() => undefined);
    const name = `${kind}: ${answer?.statusCode ?? 'closed'}`;
    answers[name] = (answers[name] ?? 0) + 1;
    await answer?.body.dump({ limit: Number.MAX_SAFE_INTEGER }).catch(() => undefined);
    const seconds = Number(answer?.headers['retry-after'] ?? 0);
    if (answer?.statusCode !== 200) await delay(Math.max(100, seconds * 1_000));
  }
}

setInterval(() => {
  console.log(JSON.stringify(answers));
}, 1_000);
await Promise.all(
  readings().map(async (reading, nth) => read(reading, bearers[nth % bearers.length] ?? '')),
);
