import { Module } from '@nestjs/common';
import { SecretAccessEvents } from './secret-access-events.js';

/** Provides `SecretAccessEvents`. Imported by every `SecretStore` adapter and by every listener. */
@Module({ providers: [SecretAccessEvents], exports: [SecretAccessEvents] })
export class SecretAccessModule {}
