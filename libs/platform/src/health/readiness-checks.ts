import { Injectable } from '@nestjs/common';

/** What one part says of itself: ready, or why not. The reason may be shown to operators. */
export type ReadinessAnswer = { isReady: true } | { isReady: false; reason: string };

/** Collects from each part whether it could serve a request now. */
@Injectable()
export class ReadinessChecks {
  readonly #checks = new Map<string, () => Promise<ReadinessAnswer>>();

  /** @param check must answer within its part's own deadline; a rejection reads as not ready */
  register(part: string, check: () => Promise<ReadinessAnswer>): void {
    this.#checks.set(part, check);
  }

  /** Asks every part at the same time. */
  async ask(): Promise<Record<string, ReadinessAnswer>> {
    const answers = [...this.#checks].map(async ([part, check]) => [part, await settle(check)]);
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
