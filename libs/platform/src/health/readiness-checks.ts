import { Inject, Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { Logger } from '../logging/logger.js';
import { explain } from './explain.js';

/**
 * Whether one part can do its work. A degraded part can, with a limit that operators should know. The
 * reasons are for operators: they are logged and not shown to callers.
 */
export type ReadinessAnswer =
  | { readonly isReady: true; readonly degradation?: string }
  | { readonly isReady: false; readonly reason: string };

/** A reason that changes while the state stays is logged at most once in this time. */
const REASON_LOG_INTERVAL_MS = 10_000;

interface Known {
  readonly state: string;
  readonly reason: string | undefined;
  readonly loggedAt: number;
}

/** The readiness checks of all modules. Logs each change, with its reason. */
@Injectable()
export class ReadinessChecks {
  readonly #checks = new Map<string, () => Promise<ReadinessAnswer>>();
  /** What was last logged about each part. */
  readonly #known = new Map<string, Known>();
  readonly #ready: Gauge<'part'>;
  readonly #degraded: Gauge<'part'>;
  #asking: Promise<Record<string, ReadinessAnswer>> | undefined;

  constructor(
    @Inject(Logger) private readonly logger: Logger,
    @Inject(Registry) registry: Registry,
  ) {
    const shared = { labelNames: ['part'] as const, registers: [registry] };
    this.#ready = new Gauge({
      name: 'readiness_part_ready',
      help: '1 if the part was ready at the last check',
      ...shared,
    });
    this.#degraded = new Gauge({
      name: 'readiness_part_degraded',
      help: '1 if the part was ready with a limit; the log has the reason',
      ...shared,
    });
  }

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
    // A run that began before does not know it.
    this.#asking = undefined;
  }

  /** Runs all checks concurrently, once for concurrent callers. */
  async ask(): Promise<Record<string, ReadinessAnswer>> {
    const asking = (this.#asking ??= this.#ask());
    try {
      return await asking;
    } finally {
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  async #ask(): Promise<Record<string, ReadinessAnswer>> {
    const answers = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await settle(check)] as const),
    );
    for (const [part, answer] of answers) this.#note(part, answer);
    return Object.fromEntries(answers);
  }

  #note(part: string, answer: ReadinessAnswer): void {
    const state = stateOf(answer);
    const reason = answer.isReady ? answer.degradation : answer.reason;
    this.#ready.set({ part }, answer.isReady ? 1 : 0);
    this.#degraded.set({ part }, state === 'degraded' ? 1 : 0);
    const known = this.#known.get(part);
    const isSameState = (known?.state ?? 'ready') === state;
    if (isSameState && (known?.reason === reason || this.#isRecent(known))) return;
    this.#known.set(part, { state, reason, loggedAt: performance.now() });
    if (state === 'ready') this.logger.info({ part }, 'ready again');
    else if (state === 'degraded') this.logger.warn({ part, reason }, 'ready with a limit');
    else this.logger.error({ part, reason }, 'not ready');
  }

  #isRecent(known: Known | undefined): boolean {
    return known !== undefined && performance.now() - known.loggedAt < REASON_LOG_INTERVAL_MS;
  }
}

/** The state of a part, as the readiness endpoint shows it. */
export function stateOf(answer: ReadinessAnswer): 'ready' | 'degraded' | 'not ready' {
  if (!answer.isReady) return 'not ready';
  return answer.degradation === undefined ? 'ready' : 'degraded';
}

async function settle(check: () => Promise<ReadinessAnswer>): Promise<ReadinessAnswer> {
  try {
    return await check();
  } catch (error) {
    return { isReady: false, reason: explain(error) };
  }
}
