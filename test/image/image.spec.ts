import { chmod, copyFile, lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';
import { Image, type ImageProcess } from './image.js';

const MAX_BYTES = 200_000_000;
const image = new Image();
const service = runningService({ replicas: 0 });
let scratch: string;
let api: ImageProcess;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'acs-identity-image-'));
  await chmod(scratch, 0o777);
  const { environment, emulator } = service();
  await copyFile(emulator.caFile, join(scratch, 'ca.pem'));
  await chmod(join(scratch, 'ca.pem'), 0o644);
  api = await image.start(
    {
      ...environment,
      NODE_COMPILE_CACHE: undefined,
      NODE_EXTRA_CA_CERTS: '/tmp/ca.pem',
      AUDIT_CHECKPOINT_FILE: '/tmp/audit-checkpoint',
      CONSOLE_ENABLED: 'false',
    },
    scratch,
    (line) => void service().logLines.push(line),
  );
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

interface File {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly size: number;
  readonly isLink: boolean;
}

async function filesBelow(folder: string): Promise<File[]> {
  const entries = await readdir(folder, { recursive: true });
  return Promise.all(
    entries.map(async (entry) => {
      const stats = await lstat(join(folder, entry));
      const { mode, uid } = stats;
      const size = stats.isFile() ? stats.size : 0;
      return { path: entry, mode, uid, size, isLink: stats.isSymbolicLink() };
    }),
  );
}

describe('the image', () => {
  it('has at most 200 MB, Node.js included', async () => {
    const files = await filesBelow(image.root);
    const bytes = files
      .filter(({ path }) => !path.startsWith('proc/'))
      .reduce((sum, { size }) => sum + size, 0);
    expect(bytes, `${Math.round(bytes / 1e6)} MB`).toBeLessThanOrEqual(MAX_BYTES);
  });

  it('runs as a user with a number, and is stopped by SIGTERM', async () => {
    expect(await image.config()).toMatchObject({ User: '1000:1000', StopSignal: 'SIGTERM' });
  });

  it('lets its user write nowhere but to /tmp', async () => {
    const writable = (await filesBelow(image.root)).filter(
      ({ mode, uid, isLink, path }) =>
        !isLink && !/^(proc|tmp)\b/.test(path) && (mode & 0o002 || (uid === 1000 && mode & 0o200)),
    );
    expect(writable).toEqual([]);
  });

  it('has no shell, package manager, source or test', async () => {
    const paths = (await filesBelow(image.root)).map(({ path }) => path);
    expect(
      paths.filter((path) => /(^|\/)s?bin\/(sh|bash|dash|apt|dpkg|npm|npx|corepack)$/.test(path)),
    ).toEqual([]);
    expect(paths.filter((path) => /\.spec\.js$|(?<!\.d)\.ts$/.test(path))).toEqual([]);
    expect(paths).toContain('var/lib/dpkg/status.d/libc6');
  });

  it('ends with 78 and the list of faults without settings', async () => {
    const { code, output } = await image.run(['node', 'bin/api.js']);
    expect(output).toContain('DATABASE_URL: is not set');
    expect(code).toBe(78);
  });

  it('migrates', async () => {
    const { database } = service();
    const { searchParams } = new URL(database.serviceUrl);
    expect([...searchParams]).toEqual([]);
    const { code, output } = await image.run(['node', 'bin/acs-identity.js', 'migrate'], {
      DATABASE_OWNER_URL: database.ownerUrl,
      DATABASE_SERVICE_ROLE: new URL(database.serviceUrl).username,
    });
    expect(code, output).toBe(0);
  });

  it('200: issues a token as process 1 on a read-only file system', async () => {
    await expect.poll(async () => (await call(api.url, 'get', '/health/ready')).status).toBe(200);
    const { token } = await issue(service(), 'alice', {}, api.url);
    expect(await service().emulator.control.validateAcsToken(token)).toMatchObject({ valid: true });
  });

  it('ends with 0 on the signal of docker stop', async () => {
    process.kill(api.pid, 'SIGTERM');
    expect(await api.ended).toBe(0);
  });
});
