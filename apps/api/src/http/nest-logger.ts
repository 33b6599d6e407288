import type { LoggerService } from '@nestjs/common';
import type { Logger } from '#libs/platform';

/** Writes Nest's messages to the service's log. Those about its start have level debug. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(text: unknown, context?: unknown): void {
    this.logger.debug({ text, context }, 'nest');
  }
  debug(text: unknown, context?: unknown): void {
    this.logger.debug({ text, context }, 'nest');
  }
  verbose(text: unknown, context?: unknown): void {
    this.logger.debug({ text, context }, 'nest');
  }
  warn(text: unknown, context?: unknown): void {
    this.logger.warn({ text, context }, 'nest warns');
  }
  error(text: unknown, ...rest: unknown[]): void {
    this.logger.error({ text, rest }, 'nest failed');
  }
}
