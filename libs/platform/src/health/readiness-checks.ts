import { Injectable } from '@nestjs/common';

/** Whether one dependency can be used. The reason may be shown to operators. */
export type ReadinessAnswer = { isReady: true } | { isReady: false; reason: string };

/** The readiness checks of all modules. */
@Injectable()
export class ReadinessChecks {
  readonly #checks = new Map<string, () => Promise<ReadinessAnswer>>();

  /**
   * @param name replaces an earlier check of the same name
   * @param check has its own timeout; a rejection means not ready
   */
  register(name: string, check: () => Promise<ReadinessAnswer>): void {
    this.#checks.set(name, check);
  }

  /** From now on the process is not ready, whatever its dependencies. */
  beginShutdown(): void {
    this.register('shutdown', async () =>
      Promise.resolve({ isReady: false, reason: 'the process is shutting down' }),
    );
  }

  /** Runs all checks concurrently. */
  async ask(): Promise<Record<string, ReadinessAnswer>> {
    const answers = [...this.#checks].map(async ([name, check]) => [name, await settle(check)]);
    return Object.fromEntries(await Promise.all(answers)) as Record<string, ReadinessAnswer>;
  }
}

async function settle(check: () => Promise<ReadinessAnswer>): Promise<ReadinessAnswer> {
  try {
    return await check();
  } catch (error) {
    return { isReady: false, reason: error instanceof Error ? error.name : 'unknown error' };
  }
}
