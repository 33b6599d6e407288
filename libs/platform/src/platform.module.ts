import { Global, Module } from '@nestjs/common';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { platformSettings, type PlatformSettings } from './config/platform-settings.js';
import { ReadinessChecks } from './health/readiness-checks.js';
import { ExtraAuthorities } from './outbound/extra-authorities.js';
import { OutboundHttp } from './outbound/outbound-http.js';
import { Sweeps } from './time/sweeps.js';

/** The metrics registry, the readiness checks, the sweeps and the way out of the process, for every module. */
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
    {
      provide: OutboundHttp,
      inject: [platformSettings.key],
      useFactory: ({ proxies }: PlatformSettings) => new OutboundHttp(proxies),
    },
    Sweeps,
    ExtraAuthorities,
  ],
  exports: [Registry, ReadinessChecks, OutboundHttp, Sweeps],
})
export class PlatformModule {}
