import { WorkerProcess } from './worker-process.js';

/** What the stand-ins are to do; all of it is optional. */
export interface StandInsRequest {
  readonly id: number;
  /** Of ACS from now on. */
  readonly latencyMs?: number;
  /** Identities to keep ready, with signed tokens. */
  readonly stock?: number;
  /** Access tokens to mint. */
  readonly bearers?: number;
}

export interface StandInsAnswer {
  readonly id: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly bearers?: readonly string[];
}

/** Entra, Key Vault and ACS in a process of their own, so that contenders don't share their CPU time. */
export class StandIns {
  private constructor(
    private readonly worker: WorkerProcess<StandInsRequest, StandInsAnswer>,
    /** Points a contender at them; without a database. */
    readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** @param directory for their certificates; created */
  static async start(directory: string): Promise<StandIns> {
    const file = new URL('./stand-ins-process.js', import.meta.url);
    const { worker, ready } = await WorkerProcess.start<StandInsRequest, StandInsAnswer>(file, [
      directory,
    ]);
    return new StandIns(worker, ready.environment ?? {});
  }

  get processId(): number {
    return this.worker.processId;
  }

  /** Milliseconds until each answer of ACS, from now on. */
  async setLatency(latencyMs: number): Promise<void> {
    await this.worker.request({ latencyMs });
  }

  /** Signs tokens of identities that are yet to be created. */
  async prepare(stock: number): Promise<void> {
    await this.worker.request({ stock });
  }

  /** Access tokens of people whom nobody has seen before. */
  async newPeople(count: number): Promise<readonly string[]> {
    return (await this.worker.request({ bearers: count })).bearers ?? [];
  }

  async stop(): Promise<void> {
    await this.worker.stop();
  }
}
