// The process of `LoadGenerator`. What costs time, such as parsing answers, is done after the load.
import { setTimeout as delay } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import type { Load, LoadAnswer, LoadRequest, LoadResult, Receipt } from './load.js';

/** More than an open loop needs. */
const MAX_OPEN_CONNECTIONS = 1_024;
/** Of an open loop, without latencies: connections are opened, caches are filled. */
const LEAD_IN_MS = 1_000;

let people: readonly string[] = [];

process.on('disconnect', () => process.exit());
process.on('message', ({ id, people: given, load }: LoadRequest) => {
  if (given) people = given;
  if (!load) {
    answer({ id });
    return;
  }
  void new Run(load).result().then((result) => {
    answer({ id, result });
  });
});
answer({ id: 0 });

function answer(message: LoadAnswer): void {
  process.send?.(message);
}

class Run {
  readonly #pools: Pool[];
  readonly #bearers: readonly string[];
  readonly #latenciesMs: number[] = [];
  readonly #bodies: Buffer[] = [];
  readonly #failures = new Map<string, number>();
  #sent = 0;

  constructor(private readonly load: Load) {
    const { urls, loop, bearers = people } = load;
    const connections = 'connections' in loop ? loop.connections : MAX_OPEN_CONNECTIONS;
    this.#pools = urls.map(
      (url) => new Pool(url, { connections: Math.ceil(connections / urls.length) }),
    );
    this.#bearers = bearers;
  }

  async result(): Promise<LoadResult> {
    const { loop } = this.load;
    const startedAt = performance.now();
    const cpu = process.cpuUsage();
    if ('connections' in loop) await this.#close(loop.connections);
    else await this.#open(loop.perSecond);
    const durationMs = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpu);
    await Promise.all(this.#pools.map(async (pool) => pool.close()));
    return {
      latenciesMs: Float64Array.from(this.#latenciesMs),
      receipts: this.#bodies.map(receiptOf),
      failures: Object.fromEntries(this.#failures),
      durationMs,
      generatorShare: (user + system) / 1000 / durationMs,
    };
  }

  async #close(connections: number): Promise<void> {
    const { durationMs = Infinity, tokens = Infinity } = this.load;
    const end = performance.now() + durationMs;
    const connection = async (_: unknown, nth: number): Promise<void> =>
      new Promise((resolve) => {
        const next = (): void => {
          const now = performance.now();
          if (now >= end || this.#sent >= tokens) resolve();
          else this.#request(nth, now, true, next);
        };
        next();
      });
    await Promise.all(Array.from({ length: connections }, connection));
  }

  async #open(perSecond: number): Promise<void> {
    const { durationMs = 0 } = this.load;
    const startedAt = performance.now();
    const total = Math.round((perSecond * (LEAD_IN_MS + durationMs)) / 1000);
    const answers: Promise<void>[] = [];
    while (this.#sent < total) {
      const dueAfterMs = (this.#sent * 1000) / perSecond;
      const dueAt = startedAt + dueAfterMs;
      if (performance.now() < dueAt) {
        await delay(Math.max(0, dueAt - performance.now()));
        continue;
      }
      const isMeasured = dueAfterMs >= LEAD_IN_MS;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#request(this.#sent, dueAt, isMeasured, () => {
        resolve(undefined);
      });
      answers.push(promise);
    }
    await Promise.all(answers);
  }

  /** @param nth chooses the replica */
  #request(nth: number, since: number, isMeasured: boolean, done: () => void): void {
    const bearer = this.#bearers[this.#sent++ % this.#bearers.length] ?? '';
    const pool = this.#pools[nth % this.#pools.length];
    const options: Dispatcher.DispatchOptions = {
      path: '/v1/me/tokens',
      method: 'POST',
      headers: ['authorization', `Bearer ${bearer}`],
    };
    const fail = (what: string): void => {
      this.#failures.set(what, (this.#failures.get(what) ?? 0) + 1);
      done();
    };
    const chunks: Buffer[] = [];
    let status = 0;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: (_controller, chunk) => void chunks.push(chunk),
      onResponseEnd: () => {
        const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
        if (status !== 200) {
          fail(`${status} ${typeOf(body)}`);
          return;
        }
        if (isMeasured) this.#latenciesMs.push(performance.now() - since);
        this.#bodies.push(body);
        done();
      },
      onResponseError: (_controller, error) => {
        fail(error.message);
      },
    };
    pool?.dispatch(options, handler);
  }
}

function receiptOf(body: Buffer): Receipt {
  const { auditEntry } = JSON.parse(body.toString()) as { readonly auditEntry: Receipt };
  return auditEntry;
}

/** The type of a problem. */
function typeOf(body: Buffer): string {
  return /"type":"([^"]+)"/.exec(body.toString())?.[1] ?? '';
}
