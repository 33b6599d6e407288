import { Global, Module } from '@nestjs/common';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { platformSettings, type PlatformSettings } from './config/platform-settings.js';
import { ReadinessChecks } from './health/readiness-checks.js';
import { Logger } from './logging/logger.js';
import { PinoLogger } from './logging/pino-logger.js';
import { Clock, SystemClock } from './time/clock.js';

/** The clock, the log, the metrics registry and the readiness checks, for every module. */
@Global()
@Module({
  providers: [
    { provide: Clock, useClass: SystemClock },
    {
      provide: Logger,
      inject: [platformSettings.key],
      useFactory: (settings: PlatformSettings) => new PinoLogger(settings.logLevel),
    },
    {
      provide: Registry,
      useFactory: () => {
        const registry = new Registry();
        collectDefaultMetrics({ register: registry });
        return registry;
      },
    },
    ReadinessChecks,
  ],
  exports: [Clock, Logger, Registry, ReadinessChecks],
})
export class PlatformModule {}
