import { describe, expect, it } from 'vitest';
import { AuditUnavailable } from '#libs/audit';
import { MemoryAuditTrail, newestEntriesOf } from '#libs/audit/testing';
import { z } from 'zod';
import { defineSettings, type Settings } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { placeholderEnvironment } from '../../../scripts/placeholder-environment.js';
import { ConfigurationAuditor, TRUST_SETTINGS } from './configuration-auditor.js';
import { type Environment, serviceSettings } from './settings.js';

function open(
  environment: Environment = placeholderEnvironment,
  settings: readonly Settings[] = serviceSettings,
) {
  const trail = new MemoryAuditTrail();
  const clock = new ManualClock();
  return { trail, clock, record: auditorOf(environment, trail, clock, settings) };
}

function auditorOf(
  environment: Environment,
  trail: MemoryAuditTrail,
  clock: ManualClock,
  settings: readonly Settings[] = serviceSettings,
) {
  const entries = newestEntriesOf(trail);
  const logger = new MemoryLogger();
  return new ConfigurationAuditor(environment, { settings, trail, entries, clock, logger });
}

describe('ConfigurationAuditor', () => {
  it('records once, by name and value, what is set, and nothing else of the environment', async () => {
    const { trail, clock, record } = open({
      ...placeholderEnvironment,
      ACS_TIMEOUT_MS: ' 2000 ',
      POLICY_FILE: '',
      AZURE_CLIENT_SECRET: 'hunter2',
    });
    record.onApplicationBootstrap();
    await clock.advance(60_000);
    expect(trail.entries).toMatchObject([{ action: 'configuration.load', outcome: 'success' }]);
    const settings = trail.entries[0]?.details?.settings;
    expect(settings).toContain('ACS_TIMEOUT_MS=2000');
    expect(settings).toContain('AUDIT_LOG_ORIGIN=example.com/audit');
    expect(String(settings)).not.toMatch(/hunter2|AZURE_CLIENT_SECRET|POLICY_FILE/);
  });

  it('names the settings of trust that differ from those that were recorded last', async () => {
    const trail = new MemoryAuditTrail();
    const clock = new ManualClock();
    const environments = [
      { ...placeholderEnvironment, IDENTITY_LINK_TENANTS: 'a' },
      { ...placeholderEnvironment, IDENTITY_LINK_TENANTS: 'a', ACS_TIMEOUT_MS: '2000' },
      { ...placeholderEnvironment, TRUSTED_ISSUERS: '[]' },
    ];
    for (const environment of environments) {
      auditorOf(environment, trail, clock).onApplicationBootstrap();
      await clock.advance(1);
      await trail.record({
        ...{ action: 'configuration.load', outcome: 'success' },
        actor: { kind: 'system', name: 'audit-delivery' },
      });
    }
    const named = trail.entries
      .filter(({ actor }) => 'name' in actor && actor.name === 'configuration')
      .map(({ details }) => details?.trustChanged);
    expect(named).toEqual([undefined, undefined, ['IDENTITY_LINK_TENANTS', 'TRUSTED_ISSUERS']]);
  });

  it('knows settings of trust that exist', () => {
    const names = serviceSettings.flatMap(({ variables }) => variables.map(({ name }) => name));
    expect(names).toEqual(expect.arrayContaining([...TRUST_SETTINGS]));
  });

  it('shows no password of the database, wherever in its address it stands', async () => {
    const { trail, clock, record } = open({
      ...placeholderEnvironment,
      DATABASE_URL: 'postgres://service:hunter2@db.example:5433/identity?password=hunter3',
    });
    record.onApplicationBootstrap();
    await clock.advance(1);
    expect(trail.entries[0]?.details?.settings).toContain('DATABASE_URL=db.example:5433/identity');
    expect(JSON.stringify(trail.entries)).not.toMatch(/hunter/);
  });

  it.each([
    [
      'postgres://service:hunter2@/identity?host=/var/run/postgresql',
      '/var/run/postgresql/identity',
    ],
    [
      'postgres://service:hunter2@a.example:5433,b.example/identity',
      'a.example:5433,b.example/identity',
    ],
  ])('records the place of %s', async (address, place) => {
    const { trail, clock, record } = open({ ...placeholderEnvironment, DATABASE_URL: address });
    record.onApplicationBootstrap();
    await clock.advance(1);
    expect(trail.entries[0]?.details?.settings).toContain(`DATABASE_URL=${place}`);
  });

  it('records no header of the collector, which may be its key', async () => {
    const { trail, clock, record } = open({
      ...placeholderEnvironment,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=hunter2',
    });
    record.onApplicationBootstrap();
    await clock.advance(1);
    expect(trail.entries[0]?.details?.settings).toContain('OTEL_EXPORTER_OTLP_HEADERS=(set)');
    expect(JSON.stringify(trail.entries)).not.toMatch(/hunter/);
  });

  it('records of a host’s own variable only that it is set', async () => {
    const vault = defineSettings(
      'vault',
      z.object({ VAULT_TOKEN: z.string() }),
      (values) => values,
    );
    const environment = { ...placeholderEnvironment, VAULT_TOKEN: 'hunter2' };
    const { trail, clock, record } = open(environment, [...serviceSettings, vault]);
    record.onApplicationBootstrap();
    await clock.advance(1);
    expect(trail.entries[0]?.details?.settings).toContain('VAULT_TOKEN=(set)');
    expect(JSON.stringify(trail.entries)).not.toMatch(/hunter/);
  });

  it('retries until the log can be written or the process stops', async () => {
    const { trail, clock, record } = open();
    trail.outage = new AuditUnavailable();
    record.onApplicationBootstrap();
    await clock.advance(30_000);
    trail.outage = undefined;
    await clock.advance(5_000);
    expect(trail.entries).toHaveLength(1);

    const stopped = open();
    stopped.trail.outage = new AuditUnavailable();
    stopped.record.onApplicationBootstrap();
    await stopped.clock.advance(1);
    stopped.record.onModuleDestroy();
    stopped.trail.outage = undefined;
    await stopped.clock.advance(30_000);
    expect(stopped.trail.entries).toHaveLength(0);
  });
});
