import { type BeforeApplicationShutdown, Inject, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Logger } from '../logging/logger.js';
import { OutboundHttp } from '../outbound/outbound-http.js';
import { Clock } from '../time/clock.js';
import type { StopTelemetry } from './otlp/otlp-telemetry.js';
import { telemetrySettings, type TelemetrySettings } from './telemetry-settings.js';

const STOP_TELEMETRY = Symbol('stops telemetry');
/** How long a shutdown waits for the last delivery: less than all of its steps have. */
const FLUSH_MS = 3_000;

/** Sends telemetry where it is configured; otherwise OpenTelemetry's SDK is not even loaded. */
@Module({
  providers: [
    {
      provide: STOP_TELEMETRY,
      inject: [telemetrySettings.key, Registry, OutboundHttp, Clock, Logger],
      useFactory: async (
        settings: TelemetrySettings,
        registry: Registry,
        outbound: OutboundHttp,
        clock: Clock,
        logger: Logger,
      ): Promise<StopTelemetry | null> => {
        if (settings.tracesUrl === undefined && settings.metricsUrl === undefined) return null;
        const { startTelemetry } = await import('./otlp/otlp-telemetry.js');
        return startTelemetry(settings, { registry, outbound, clock, logger });
      },
    },
  ],
})
export class TelemetryModule implements BeforeApplicationShutdown {
  constructor(
    @Inject(STOP_TELEMETRY) private readonly stop: StopTelemetry | null,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Requests have ended by now, and connections to the outside are still open. */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.stop) await Promise.race([this.stop(), this.clock.sleep(FLUSH_MS)]);
  }
}
