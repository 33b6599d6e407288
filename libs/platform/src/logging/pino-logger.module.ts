import { Global, Module } from '@nestjs/common';
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
export class PinoLoggerModule {}
