import type { OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from '#libs/platform';

/** Logs once which variables of the environment have no effect, and which should be changed. */
export class EnvironmentRemarks implements OnApplicationBootstrap {
  constructor(
    private readonly remarks: readonly string[],
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    for (const remark of this.remarks) this.logger.warn({ remark }, 'remark on the configuration');
  }
}
