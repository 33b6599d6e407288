import { Global, Module } from '@nestjs/common';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { ReadinessChecks } from './health/readiness-checks.js';

/** The metrics registry and the readiness checks, for every module. */
@Global()
@Module({
  providers: [
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
  exports: [Registry, ReadinessChecks],
})
export class PlatformModule {}
