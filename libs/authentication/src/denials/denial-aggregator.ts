import { randomUUID } from 'node:crypto';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { type Actor, type AuditEvent, AuditTrail, isPrincipal } from '#libs/audit';
import { Clock, Logger, type RequestContext } from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';

/** A denial that is recorded as one of a count. */
export interface Denial {
  readonly action: AuditEvent['action'];
  readonly actor: Actor;
  readonly reason: { readonly code: string; readonly detail?: string };
  readonly request: RequestContext;
}

interface Aggregate {
  /** The first one. */
  readonly denial: Denial;
  readonly from: number;
  count: number;
}

/** Above this number, further addresses and principals share one aggregate for each reason. */
const MAX_AGGREGATES = 10_000;
const MAX_EVENTS_PER_WRITE = 200;

/**
 * Records denials that may come in floods: one audit entry, with the count, for each window, reason
 * and address or principal. The counts add up to the number of denials.
 *
 * Entries that can't be written are kept, unchanged, for the next window.
 */
@Injectable()
export class DenialAggregator implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  #aggregates = new Map<string, Aggregate>();
  #unwritten: AuditEvent[] = [];
  #write: Promise<void> | undefined;

  constructor(
    private readonly trail: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(authenticationSettings.key) private readonly settings: AuthenticationSettings,
  ) {}

  onApplicationBootstrap(): void {
    void this.#flushEachWindow();
  }

  /** Denials of requests that are still in progress are written at once from now on. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.flush();
  }

  /** Counts a denial. Waits for the write only during shutdown. */
  async add(denial: Denial): Promise<void> {
    const key = keyOf(denial);
    const isFull = this.#aggregates.size >= MAX_AGGREGATES && !this.#aggregates.has(key);
    if (isFull) this.#count(`several ${denial.reason.code}`, anonymized(denial));
    else this.#count(key, denial);
    if (this.#stop.signal.aborted) await this.flush();
  }

  /** Writes the counts. Never rejects; what can't be written is kept. */
  async flush(): Promise<void> {
    await this.#write;
    this.#write ??= this.#writeAll().finally(() => {
      this.#write = undefined;
    });
    return this.#write;
  }

  #count(key: string, denial: Denial): void {
    const aggregate = this.#aggregates.get(key);
    if (aggregate !== undefined) aggregate.count += 1;
    else this.#aggregates.set(key, { denial, from: this.clock.now(), count: 1 });
  }

  async #flushEachWindow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.clock.sleep(this.settings.denialWindowMs, signal).catch(() => undefined);
      await this.flush();
    }
  }

  async #writeAll(): Promise<void> {
    // The window stays open while older entries wait, so that memory holds two windows at most.
    if (this.#unwritten.length === 0) {
      this.#unwritten = [...this.#aggregates.values()].map((one) => this.#eventOf(one));
      this.#aggregates = new Map();
    }
    try {
      while (this.#unwritten.length > 0) {
        await this.trail.recordAll(this.#unwritten.slice(0, MAX_EVENTS_PER_WRITE));
        this.#unwritten = this.#unwritten.slice(MAX_EVENTS_PER_WRITE);
      }
    } catch (error) {
      const problem = error instanceof Error ? error.name : 'unknown';
      const entryCount = this.#unwritten.length;
      this.logger.warn({ problem, entryCount }, 'denials could not be recorded yet');
    }
  }

  /** `tally` identifies the aggregate: two entries with one `tally` are the same, written twice. */
  #eventOf({ denial, from, count }: Aggregate): AuditEvent {
    return {
      ...denial,
      outcome: 'denied',
      details: {
        count,
        from: new Date(from).toISOString(),
        to: new Date(this.clock.now()).toISOString(),
        tally: randomUUID(),
      },
    };
  }
}

function keyOf({ actor, reason, request }: Denial): string {
  const source = isPrincipal(actor)
    ? `${actor.tenant} ${actor.subject}`
    : (request.clientAddress ?? '');
  return `${reason.code} ${source}`;
}

/** A denial without caller and address, for an aggregate of several. */
function anonymized({ action, reason, request: { requestId } }: Denial): Denial {
  const { code } = reason;
  return { action, actor: { kind: 'unauthenticated' }, reason: { code }, request: { requestId } };
}
