import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { PROJECT_FOLDER } from './api-process.js';
import { LocalFolder } from './local-folder.js';
import { DEFAULT_PORTS, freePorts } from './local-ports.js';

const compose = z.object({
  services: z.object({
    environment: z.object({
      ports: z.array(z.string()),
      environment: z.record(z.string(), z.string()),
    }),
  }),
});
const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
const hasIpv6 = addresses.some(({ address }) => address === '::1');

describe('the ports of the local environment', () => {
  it.each(['127.0.0.1', ...(hasIpv6 ? ['::1'] : [])])(
    'are not those that a program has on %s, one address of localhost',
    async (address) => {
      const other = createServer().listen(0, address);
      await once(other, 'listening');
      const bound = other.address();
      const sample = typeof bound === 'object' ? (bound?.port ?? 0) : 0;
      try {
        expect((await freePorts({ ...DEFAULT_PORTS, sample })).sample).toBeGreaterThan(sample);
      } finally {
        other.close();
      }
    },
  );

  it('are not that of the api, nor two of them the same', async () => {
    const { sample, ...others } = await freePorts(
      { ...DEFAULT_PORTS, control: 45_001, entraHttp: 45_001, sample: 45_002 },
      45_002,
    );
    expect(sample).toBe(45_012);
    expect(new Set([others.control, others.entraHttp]).size).toBe(2);
  });

  it('are those that docker-compose.development.yml publishes for a browser, to its own machine only', async () => {
    const file = await readFile(join(PROJECT_FOLDER, 'docker-compose.development.yml'), 'utf8');
    const { services } = compose.parse(parse(file));
    const { ports, environment } = services.environment;
    const { sample, entraHttp } = DEFAULT_PORTS;
    expect(ports).toEqual(
      [Number(environment.PORT), sample, entraHttp].map((port) => `127.0.0.1:${port}:${port}`),
    );
    expect(environment).toMatchObject({ HOST: '0.0.0.0', LOCAL_BROWSER_HOST: '0.0.0.0' });
  });

  it('are read from the file of an older release, which had fewer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ports-'));
    try {
      const { sample, entraHttp, ...older } = DEFAULT_PORTS;
      await writeFile(join(folder, 'ports.json'), JSON.stringify({ ...older, entra: 4000 }));
      const read = await new LocalFolder(folder).readPorts();
      expect(read).toEqual({ ...older, entra: 4000, sample, entraHttp });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
