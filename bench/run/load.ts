import { WorkerProcess } from './worker-process.js';

/** Requests of tokens. Ends after `tokens` or `durationMs`, and when all have their answers. */
export interface Load {
  /** Of the replicas, which share the load. */
  readonly urls: readonly string[];
  /** Closed: each connection requests as soon as it has its answer. Open: at a rate, whatever is answered. */
  readonly loop: { readonly connections: number } | { readonly perSecond: number };
  readonly durationMs?: number;
  readonly tokens?: number;
  /** Access tokens, one after another. Default: those of `LoadGenerator.people`. */
  readonly bearers?: readonly string[];
}

/** An issued token's entry in the audit log. */
export interface Receipt {
  readonly id: string;
  readonly index: number;
}

export interface LoadResult {
  /** Of answers with a token. An open loop counts from the moment when a request was due. */
  readonly latenciesMs: Float64Array;
  readonly receipts: readonly Receipt[];
  /** Number of other answers by status and problem, or by error of the connection. */
  readonly failures: Readonly<Record<string, number>>;
  /** From the first request until the last answer. */
  readonly durationMs: number;
  /** How much of a core the generator used. */
  readonly generatorShare: number;
}

export interface LoadRequest {
  readonly id: number;
  readonly people?: readonly string[];
  readonly load?: Load;
}

export interface LoadAnswer {
  readonly id: number;
  readonly result?: LoadResult;
}

/** Requests tokens, in a process of its own. */
export class LoadGenerator {
  private constructor(private readonly worker: WorkerProcess<LoadRequest, LoadAnswer>) {}

  static async start(): Promise<LoadGenerator> {
    const file = new URL('./load-process.js', import.meta.url);
    const { worker } = await WorkerProcess.start<LoadRequest, LoadAnswer>(file);
    return new LoadGenerator(worker);
  }

  get processId(): number {
    return this.worker.processId;
  }

  /** @param people their access tokens */
  async setPeople(people: readonly string[]): Promise<void> {
    await this.worker.request({ people });
  }

  async run(load: Load): Promise<LoadResult> {
    const { result } = await this.worker.request({ load });
    if (!result) throw new Error('the load has no result');
    return result;
  }

  async stop(): Promise<void> {
    await this.worker.stop();
  }
}
