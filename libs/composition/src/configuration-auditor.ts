import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import { type AuditEvent, AuditTrail, type NewestEntries } from '#libs/audit';
import { Clock, Logger, parseDatabaseAddress, type Settings } from '#libs/platform';
import { type Environment, serviceSettings } from './settings.js';

const RETRY_MS = 5_000;
const ACTOR = { kind: 'system', name: 'configuration' } as const;

/** They decide whose tokens are accepted, as whom, and who may link identities or read the log of all tenants. */
export const TRUST_SETTINGS: ReadonlySet<string> = new Set([
  ...[
    'AUTHENTICATION_MODE',
    'AUTHENTICATION_PROVIDERS_FILE',
    'AUTHENTICATION_APP_SERVICE_OVERRIDE',
  ],
  ...['ENTRA_TENANT_ID', 'ENTRA_ALLOWED_TENANT_IDS', 'ENTRA_AUDIENCE', 'ENTRA_AUTHORITY'],
  ...['ENTRA_ALLOWED_CLIENT_APPS', 'ENTRA_BOT_CLIENT_APPS', 'ENTRA_TOKEN_VERSIONS'],
  ...['ENTRA_MINIMUM_CLIENT_AUTHENTICATION', 'ENTRA_REQUIRED_AUTHENTICATION_CONTEXT'],
  ...['TRUSTED_ISSUERS', 'TRUSTED_PROXIES', 'CLIENT_ADDRESS_HEADER'],
  ...['IDENTITY_LINK_TENANTS', 'AUDIT_HOME_TENANT'],
]);

/**
 * Records once which configuration the process works by, and which settings of trust differ from those that were
 * recorded last, by whatever process. The start does not wait for it: without the
 * log nothing else is acknowledged either.
 */
export class ConfigurationAuditor implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();

  constructor(
    private readonly variables: Environment,
    private readonly dependencies: {
      readonly settings: readonly Settings[];
      readonly trail: AuditTrail;
      readonly entries: NewestEntries;
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
    const { settings, trail, entries, clock, logger } = this.dependencies;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const loaded = configurationLoaded(settings, this.variables);
        const last = await entries.successOf(loaded.action, ACTOR.name);
        const trustChanged = changedTrust(loaded.details?.settings, last?.details?.settings);
        const changes = trustChanged.length > 0 && { trustChanged };
        await trail.record({ ...loaded, details: { ...loaded.details, ...changes } });
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
    actor: ACTOR,
    details: { settings },
  };
}

/** The names of the settings of trust that are set otherwise, or in one of the two only. */
function changedTrust(now: unknown, before: unknown): string[] {
  if (!Array.isArray(now) || !Array.isArray(before)) return [];
  const [nowSet, beforeSet] = [new Set<unknown>(now), new Set<unknown>(before)];
  const differing = [...new Set([...nowSet, ...beforeSet])].filter(
    (setting) => !nowSet.has(setting) || !beforeSet.has(setting),
  );
  const names = differing.map((setting) => String(setting).split('=', 1)[0] ?? '');
  return [...new Set(names)].filter((name) => TRUST_SETTINGS.has(name)).sort();
}

function shown(name: string, value: string): string {
  const isOurs = serviceSettings.some((part) => part.variables.some((one) => one.name === name));
  if (!isOurs || name.endsWith('_HEADERS')) return '(set)';
  if (/_proxy$/i.test(name)) return value.replace(/^(\w+:\/\/)?.*@/, '$1');
  return name === 'DATABASE_URL' ? placeOf(value) : value;
}

/** Hosts, or folder of the socket, and database: no credentials, no parameters. */
function placeOf(databaseUrl: string): string {
  const { hosts } = parseDatabaseAddress(databaseUrl);
  const places = hosts.map(({ host, port }) => (port ? `${host}:${port}` : host));
  return `${places.join(',')}/${hosts[0]?.database}`;
}
