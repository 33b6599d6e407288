import { randomUUID } from 'node:crypto';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { Clock, Logger, type RequestContext } from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from './authentication-settings.js';
import type { TokenRefused } from './token-refused.js';

/** How often one address was refused for one reason since the window began. */
interface Tally {
  readonly refusal: TokenRefused;
  /** The first refused request of the window stands for all. */
  readonly request: RequestContext;
  readonly from: number;
  count: number;
}

/** Above this, further addresses are counted together. */
const MOST_TALLIES = 10_000;
const EVENTS_PER_CALL = 200;

/**
 * Brings refused credentials into the audit log: one entry for each address, reason and window, so
 * that a flood can neither fill the log nor hide in it. The counts add up to the refusals. Entries
 * that can't be written wait, unchanged, for the next window.
 */
@Injectable()
export class RefusalLog implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  #tallies = new Map<string, Tally>();
  #unwritten: AuditEvent[] = [];
  #writing: Promise<void> | undefined;

  constructor(
    private readonly trail: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(authenticationSettings.key) private readonly settings: AuthenticationSettings,
  ) {}

  onApplicationBootstrap(): void {
    void this.#writeEachWindow();
  }

  /** Requests may still be under way afterwards; what they add is written at once. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.write();
  }

  /** Counts a refusal. Resolves at once, except while the application shuts down. */
  async add(refusal: TokenRefused, request: RequestContext): Promise<void> {
    const key = `${request.clientAddress ?? ''} ${refusal.reason}`;
    const isFull = this.#tallies.size >= MOST_TALLIES && !this.#tallies.has(key);
    this.#count(
      isFull ? `several ${refusal.reason}` : key,
      refusal,
      isFull ? anyone(request) : request,
    );
    if (this.#stop.signal.aborted) await this.write();
  }

  /** Writes what was counted. Never rejects; what could not be written is kept. */
  async write(): Promise<void> {
    await this.#writing;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  #count(key: string, refusal: TokenRefused, request: RequestContext): void {
    const tally = this.#tallies.get(key);
    if (tally === undefined)
      this.#tallies.set(key, { refusal, request, from: this.clock.now(), count: 1 });
    else tally.count += 1;
  }

  async #writeEachWindow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.clock.sleep(this.settings.refusalWindowMs, signal).catch(() => undefined);
      await this.write();
    }
  }

  async #write(): Promise<void> {
    // While older entries wait, the window stays open: memory is bounded by two of them.
    if (this.#unwritten.length === 0) {
      this.#unwritten = [...this.#tallies.values()].map((tally) => this.#eventOf(tally));
      this.#tallies = new Map();
    }
    try {
      while (this.#unwritten.length > 0) {
        await this.trail.recordAll(this.#unwritten.slice(0, EVENTS_PER_CALL));
        this.#unwritten = this.#unwritten.slice(EVENTS_PER_CALL);
      }
    } catch (error) {
      const problem = error instanceof Error ? error.name : 'unknown';
      const entryCount = this.#unwritten.length;
      this.logger.warn({ problem, entryCount }, 'refusals could not be audited yet');
    }
  }

  /** `tally` is the same when an entry is written again because an answer was lost. */
  #eventOf({ refusal, request, from, count }: Tally): AuditEvent {
    const { reason, detail } = refusal;
    return {
      action: 'authentication.reject',
      outcome: 'denied',
      actor: { kind: 'unauthenticated' },
      reason: { code: reason, ...(detail !== undefined && { detail }) },
      request,
      details: {
        count,
        from: new Date(from).toISOString(),
        to: new Date(this.clock.now()).toISOString(),
        tally: randomUUID(),
      },
    };
  }
}

/** A request that stands for those of many addresses. */
function anyone({ requestId }: RequestContext): RequestContext {
  return { requestId };
}
