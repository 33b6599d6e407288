import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dashboards } from './dashboards.js';
import { repositoryRoot } from '../support/root.js';

/** Runs promtool. @returns what it printed, if it found a fault */
function promtool(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('promtool', words, {
    cwd: join(repositoryRoot, 'deploy/prometheus'),
    encoding: 'utf8',
  });
  return status === 0 ? '' : stdout + stderr;
}

describe('promtool', () => {
  it('accepts the rules', () => {
    expect(promtool('check', 'rules', 'alerts.yaml')).toBe('');
  });

  it('fires each alert in its story alone, and none while the load grows', () => {
    expect(promtool('test', 'rules', 'alerts.test.yaml')).toBe('');
  });

  it('accepts the configuration of docker-compose.yml, with the rules beside it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'acs-identity-prometheus-'));
    try {
      const deploy = join(repositoryRoot, 'deploy');
      copyFileSync(join(deploy, 'prometheus/alerts.yaml'), join(folder, 'alerts.yaml'));
      copyFileSync(join(deploy, 'compose/prometheus.yaml'), join(folder, 'prometheus.yml'));
      expect(promtool('check', 'config', join(folder, 'prometheus.yml'))).toBe('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('accepts the queries of the dashboards', () => {
    const queries = dashboards().flatMap(({ queries }) => queries);
    expect(queries.length).toBeGreaterThan(20);
    const folder = mkdtempSync(join(tmpdir(), 'acs-identity-queries-'));
    try {
      const file = join(folder, 'queries.json');
      const rules = queries.map((query, index) => ({
        record: `query:${index}`,
        expr: query.replaceAll('$__rate_interval', '5m'),
      }));
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
      expect(promtool('check', 'rules', file)).toBe('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
