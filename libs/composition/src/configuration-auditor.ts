import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { Clock, Logger } from '#libs/platform';
import { serviceSettings } from './settings.js';

const RETRY_MS = 5_000;

/**
 * Records once which configuration the process works by. The start does not wait for it: without the
 * log nothing else is acknowledged either.
 */
export class ConfigurationAuditor implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();

  constructor(
    private readonly variables: Readonly<Record<string, string | undefined>>,
    private readonly environment: {
      readonly trail: AuditTrail;
      readonly clock: Clock;
      readonly logger: Logger;
    },
  ) {}

  onApplicationBootstrap(): void {
    void this.#record();
  }

  onModuleDestroy(): void {
    this.#stop.abort();
  }

  async #record(): Promise<void> {
    const { trail, clock, logger } = this.environment;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await trail.record(configurationLoaded(this.variables));
        return;
      } catch (error) {
        logger.warn({ error }, 'the configuration could not be audited yet');
      }
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }
}

/** The variables that are set, as `NAME=value`; of the database's address only host and database. */
export function configurationLoaded(
  variables: Readonly<Record<string, string | undefined>>,
): AuditEvent {
  const names = serviceSettings.flatMap((part) => part.variables.map(({ name }) => name));
  const settings = names.flatMap((name) => {
    const value = variables[name]?.trim() ?? '';
    return value === '' ? [] : [`${name}=${name === 'DATABASE_URL' ? placeOf(value) : value}`];
  });
  return {
    action: 'configuration.load',
    outcome: 'success',
    actor: { kind: 'system', name: 'configuration' },
    details: { settings },
  };
}

function placeOf(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl);
  return `${host}${pathname}`;
}
