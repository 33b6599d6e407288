import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CommunicationResources } from '#libs/communication-services';
import { Clock, Logger, PeriodicTask, ReadinessChecks, ReadingDatabase } from '#libs/platform';
import {
  describeReferences,
  findUnconfiguredResources,
  type UnconfiguredResource,
} from './unconfigured-resources.js';

/** The configuration changes with a start only; people are moved and deleted meanwhile. */
const INTERVAL_MS = 600_000;

/** Degraded while identities or assignments refer to an ACS resource that is not configured. */
@Injectable()
export class ResourceReadiness implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #task: PeriodicTask;
  #found: readonly UnconfiguredResource[] = [];

  constructor(
    private readonly database: ReadingDatabase,
    private readonly resources: CommunicationResources,
    private readonly readiness: ReadinessChecks,
    clock: Clock,
    logger: Logger,
  ) {
    this.#task = new PeriodicTask({
      name: 'search for resources that are not configured',
      run: async () => this.refresh(),
      intervalMs: INTERVAL_MS,
      jitter: 0.2,
      retryMs: () => 10_000,
      runsAtStart: true,
      ...{ clock, logger },
    });
  }

  onApplicationBootstrap(): void {
    this.readiness.register('acs resources', async () => {
      const found = this.#found.map((one) => `${one.resource} (${describeReferences(one)})`);
      if (found.length === 0) return Promise.resolve({ isReady: true });
      return Promise.resolve({ isReady: true, degradation: `not configured: ${found.join(', ')}` });
    });
    this.#task.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#task.stop();
  }

  async refresh(): Promise<void> {
    this.#found = await findUnconfiguredResources(this.database, this.resources.names());
  }
}
