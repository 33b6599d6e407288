import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { platformSettings, type PlatformSettings } from '../config/platform-settings.js';
import { Logger } from './logger.js';
import { PinoLogger } from './pino-logger.js';

/** Provides `Logger` with JSON lines on standard output. */
@Global()
@Module({
  providers: [
    {
      provide: Logger,
      inject: [platformSettings.key],
      useFactory: ({ logLevel }: PlatformSettings) => new PinoLogger(logLevel),
    },
  ],
  exports: [Logger],
})
export class PinoLoggerModule implements OnApplicationShutdown {
  constructor(private readonly logger: Logger) {}

  onApplicationShutdown(): void {
    // A host or a test may have replaced it.
    if (this.logger instanceof PinoLogger) this.logger.flush();
  }
}
