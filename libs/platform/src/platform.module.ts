import { Global, Module } from '@nestjs/common';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { ReadinessChecks } from './health/readiness-checks.js';
import { Sweeps } from './time/sweeps.js';

/** The metrics registry, the readiness checks and the sweeps, for every module. */
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
    Sweeps,
  ],
  exports: [Registry, ReadinessChecks, Sweeps],
})
export class PlatformModule {}
