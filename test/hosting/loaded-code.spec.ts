import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acsIdentity } from '../support/acs-identity.js';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';

/** Prints each file that the process loads and, on SIGUSR2, each module of Node. */
const REPORT_LOADS = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({
    load(url, context, next) {
      console.error('loaded ' + url);
      return next(url, context);
    },
  });
  process.on('SIGUSR2', () => {
    for (const name of process.moduleLoadList) console.error('loaded ' + name);
    console.error('loaded nothing else');
  });`)}`;

const service = runningService(() => ({
  replicas: 0,
  environment: { NODE_OPTIONS: REPORT_LOADS },
}));

function loadedBy(output: string): readonly string[] {
  return output.match(/(?<=^loaded ).*/gm) ?? [];
}

/** What the programs have bundled but for the packages that must exist once or read files of their own. */
function unbundled(loaded: readonly string[]): readonly string[] {
  const packages = loaded.filter((url) => url.includes('/node_modules/'));
  return packages.filter((url) => !/\/(reflect-metadata|swagger-ui-dist)\//.test(url));
}

describe('the api, once it has issued a token', () => {
  it('has loaded no package a second time, and not the undici of Node beside its own', async () => {
    const api = await service().addApi();
    await issue(service(), 'alice');
    expect((await fetch(`${api.url}/openapi.json`)).status).toBe(200);
    api.process.kill('SIGUSR2');
    const output = (): string => service().logLines.join('\n');
    await expect.poll(() => loadedBy(output())).toContain('nothing else');
    const loaded = loadedBy(output());
    expect(loaded.some((url) => url.includes('/dist/bin/api/'))).toBe(true);
    expect(loaded).toContain('NativeModule http');
    expect(unbundled(loaded)).toEqual([]);
    expect(loaded).not.toContain('NativeModule internal/deps/undici/undici');
  });
});

describe('acs-identity', () => {
  it('loads no package from node_modules that it has bundled', async () => {
    const { code, stderr } = await acsIdentity(['audit', 'verify', '--help'], {
      environment: { NODE_OPTIONS: REPORT_LOADS },
    });
    expect(code).toBe(0);
    const loaded = loadedBy(stderr);
    expect(loaded.some((url) => url.includes('/dist/bin/acs-identity/'))).toBe(true);
    expect(unbundled(loaded)).toEqual([]);
  });
});

describe('the bundled programs', () => {
  it('are of ASCII characters, so that V8 keeps their source in one byte for each', async () => {
    const folder = join(repositoryRoot, 'dist/bin');
    const files = (await readdir(folder, { recursive: true })).filter((name) =>
      name.endsWith('.js'),
    );
    expect(files).toContain('api/serve.js');
    for (const name of files) {
      const source = await readFile(join(folder, name));
      expect(
        source.findIndex((byte) => byte > 0x7f),
        name,
      ).toBe(-1);
    }
  });
});
