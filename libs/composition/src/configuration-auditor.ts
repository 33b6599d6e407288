import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { Clock, Logger, type Settings } from '#libs/platform';
import { type Environment, serviceSettings } from './settings.js';

const RETRY_MS = 5_000;

/**
 * Records once which configuration the process works by. The start does not wait for it: without the
 * log nothing else is acknowledged either.
 */
export class ConfigurationAuditor implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();

  constructor(
    private readonly variables: Environment,
    private readonly dependencies: {
      readonly settings: readonly Settings[];
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
    const { settings, trail, clock, logger } = this.dependencies;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await trail.record(configurationLoaded(settings, this.variables));
        return;
      } catch (error) {
        logger.warn({ error }, 'the configuration could not be audited yet');
      }
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }
}

/**
 * The variables that are set, as `NAME=value`; of the database's address only host and database, of a proxy's no
 * credentials. Of headers, and of variables that a host's own adapters read, which may be secret, only that they
 * are set.
 */
export function configurationLoaded(
  parts: readonly Settings[],
  variables: Environment,
): AuditEvent {
  const names = parts.flatMap((part) => part.variables.map(({ name }) => name));
  const settings = names.flatMap((name) => {
    const value = variables[name]?.trim() ?? '';
    return value === '' ? [] : [`${name}=${shown(name, value)}`];
  });
  return {
    action: 'configuration.load',
    outcome: 'success',
    actor: { kind: 'system', name: 'configuration' },
    details: { settings },
  };
}

function shown(name: string, value: string): string {
  const isOurs = serviceSettings.some((part) => part.variables.some((one) => one.name === name));
  if (!isOurs || name.endsWith('_HEADERS')) return '(set)';
  if (/_proxy$/i.test(name)) return value.replace(/^(\w+:\/\/)?.*@/, '$1');
  return name === 'DATABASE_URL' ? placeOf(value) : value;
}

function placeOf(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl);
  return `${host}${pathname}`;
}
