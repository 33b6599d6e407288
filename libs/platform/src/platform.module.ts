import { Global, Module } from '@nestjs/common';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { Clock } from './clock.js';
import { Logger } from './logger.js';
import { PinoLogger } from './pino-logger.js';
import { platformSettings, type PlatformSettings } from './platform-settings.js';
import { ReadinessChecks } from './readiness-checks.js';
import { SystemClock } from './system-clock.js';

/** What every part may use without asking: time, log, metrics, readiness. */
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
