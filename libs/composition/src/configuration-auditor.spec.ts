import { describe, expect, it } from 'vitest';
import { AuditUnavailable } from '#libs/audit';
import { MemoryAuditTrail } from '#libs/audit/testing';
import { z } from 'zod';
import { defineSettings, type Settings } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { placeholderEnvironment } from '../../../scripts/placeholder-environment.js';
import { ConfigurationAuditor } from './configuration-auditor.js';
import { type Environment, serviceSettings } from './settings.js';

function open(
  environment: Environment = placeholderEnvironment,
  settings: readonly Settings[] = serviceSettings,
) {
  const trail = new MemoryAuditTrail();
  const clock = new ManualClock();
  const record = new ConfigurationAuditor(environment, {
    settings,
    trail,
    clock,
    logger: new MemoryLogger(),
  });
  return { trail, clock, record };
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
