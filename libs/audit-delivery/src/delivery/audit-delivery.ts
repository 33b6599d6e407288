import { randomUUID } from 'node:crypto';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { AuditTrail } from '#libs/audit';
import { Clock, Logger, PeriodicTask, ReadinessChecks, Sweeps } from '#libs/platform';
import { SinkMetrics } from '../metrics.js';
import { auditDeliverySettings, type AuditDeliverySettings } from '../settings.js';
import { ConfiguredSinks } from '../sinks/configured-sinks.js';
import { SinkBatches } from './sink-batches.js';
import { SinkCursors } from './sink-cursors.js';
import { SinkOverview } from './sink-overview.js';
import { SinkWorker } from './sink-worker.js';

const RETRY_MS = 5_000;

/** Delivers the log to every configured sink. Runs in every replica; one of them has the lease of a sink. */
@Injectable()
export class AuditDelivery
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  readonly #holder = randomUUID();
  #record: PeriodicTask | undefined;

  constructor(
    private readonly sinks: ConfiguredSinks,
    private readonly batches: SinkBatches,
    private readonly cursors: SinkCursors,
    private readonly overview: SinkOverview,
    private readonly metrics: SinkMetrics,
    private readonly sweeps: Sweeps,
    private readonly readiness: ReadinessChecks,
    private readonly trail: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(auditDeliverySettings.key) private readonly settings: AuditDeliverySettings,
  ) {}

  onApplicationBootstrap(): void {
    if (this.sinks.all.length === 0) return;
    this.readiness.register('audit delivery', async () => this.overview.readiness());
    this.#recordSinks();
    const { batches, cursors, metrics, trail, clock, logger } = this;
    for (const configured of this.sinks.all) {
      const worker = new SinkWorker(configured, this.#holder, {
        batches,
        cursors,
        metrics,
        trail,
        clock,
        logger,
      });
      this.sweeps.start({
        name: `audit delivery to ${configured.name}`,
        run: async (signal) => worker.run(signal),
        intervalMs: this.settings.pollMs,
        jitter: 0.2,
        retryMs: () => RETRY_MS,
        runsAtStart: true,
      });
    }
  }

  async onModuleDestroy(): Promise<void> {
    await this.#record?.stop();
  }

  /** After the workers have ended. */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.sinks.all.length === 0) return;
    await this.cursors.release(this.#holder).catch(() => undefined); // the leases end by their times
  }

  /** Records once to which systems the process delivers the log. */
  #recordSinks(): void {
    const sinks = this.sinks.all.map(({ name, type, sink }) => `${name}: ${type} ${sink.address}`);
    this.#record = new PeriodicTask({
      name: 'audit of the sinks',
      run: async () => {
        await this.trail.record({
          action: 'configuration.load',
          outcome: 'success',
          actor: { kind: 'system', name: 'audit-delivery' },
          details: { sinks },
        });
      },
      intervalMs: RETRY_MS,
      runsAtStart: true,
      endsOnSuccess: true,
      clock: this.clock,
      logger: this.logger,
    });
    this.#record.start();
  }
}
