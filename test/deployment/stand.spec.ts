import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/root.js';
import { HAPROXY, Stand } from './stand.js';

describe('the stand of docker-compose.yml, without Docker', () => {
  let stand: Stand;
  let url: string;
  beforeAll(async () => {
    stand = await Stand.create();
    await Promise.all([stand.startPostgres(), stand.startEmulator()]);
    await stand.startPgBouncer();
  });
  afterAll(async () => stand.stop());

  const get = async (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}${path}`, { headers });

  it('has a proxy whose configuration HAProxy accepts', () => {
    const file = join(repositoryRoot, 'deploy/compose/haproxy.cfg');
    const { status, stderr } = spawnSync(HAPROXY, ['-c', '-f', file]);
    expect(status, stderr.toString()).toBe(0);
  });

  it('has an emulator that becomes healthy', async () => {
    await expect.poll(() => stand.isHealthy('emulator')).toBe(true);
  });

  it('migrates in a job, which can be repeated', async () => {
    await stand.migrate();
    await stand.migrate();
  });

  it('has replicas that become healthy through PgBouncer', async () => {
    await stand.startReplicas();
    await expect.poll(() => stand.isHealthy('api')).toBe(true);
  });

  it('issues tokens through the proxy, from every replica', async () => {
    url = await stand.startProxy();
    await expect.poll(async () => (await get('/health/ready')).status).toBe(200);
    const authorization = `Bearer ${await stand.token('alice')}`;
    for (let nth = 0; nth < 4; nth += 1) {
      const response = await fetch(`${url}/v1/me/tokens`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: '{}',
      });
      expect(response.status, await response.text()).toBe(200);
    }
  });

  it.each(['/metrics', '/%6Detrics', '//metrics', '/metrics?x'])(
    'does not show %s',
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );
});
