import { randomUUID } from 'node:crypto';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { type Actor, isPrincipal } from '#libs/platform';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { Clock, Logger, type RequestContext } from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';

/** A denial that is counted; of those that are counted together, the first stands for all. */
export interface Denial {
  readonly action: AuditEvent['action'];
  readonly actor: Actor;
  readonly reason: { readonly code: string; readonly detail?: string };
  readonly request: RequestContext;
}

interface Tally {
  readonly denial: Denial;
  readonly from: number;
  count: number;
}

/** Above this, further addresses are counted together. */
const MOST_TALLIES = 10_000;
const EVENTS_PER_CALL = 200;

/**
 * Brings denials that can come in floods into the audit log: one entry for each address (or
 * principal), reason and window, so that a flood can neither fill the log nor hide in it. The counts
 * add up to the denials. Entries that can't be written wait, unchanged, for the next window.
 */
@Injectable()
export class DenialAggregator implements OnApplicationBootstrap, BeforeApplicationShutdown {
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

  /** Counts a denial. Resolves at once, except while the application shuts down. */
  async add(denial: Denial): Promise<void> {
    const key = keyOf(denial);
    const isFull = this.#tallies.size >= MOST_TALLIES && !this.#tallies.has(key);
    if (isFull) this.#count(`several ${denial.reason.code}`, ofSeveral(denial));
    else this.#count(key, denial);
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

  #count(key: string, denial: Denial): void {
    const tally = this.#tallies.get(key);
    if (tally === undefined) this.#tallies.set(key, { denial, from: this.clock.now(), count: 1 });
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
      this.logger.warn({ problem, entryCount }, 'denials could not be audited yet');
    }
  }

  /** `tally` is the same when an entry is written again because an answer was lost. */
  #eventOf({ denial, from, count }: Tally): AuditEvent {
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
  const who = isPrincipal(actor)
    ? `${actor.tenant} ${actor.subject}`
    : (request.clientAddress ?? '');
  return `${reason.code} ${who}`;
}

/** A denial that stands for those of many callers. */
function ofSeveral({ action, reason, request: { requestId } }: Denial): Denial {
  const { code } = reason;
  return { action, actor: { kind: 'unauthenticated' }, reason: { code }, request: { requestId } };
}
