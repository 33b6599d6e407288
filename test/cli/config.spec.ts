import { describe, expect, it } from 'vitest';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { acsIdentity } from '../support/acs-identity.js';
import { commandHere } from '../support/command-here.js';

describe('acs-identity config', () => {
  it('check: accepts a complete environment', async () => {
    const environment = { ...placeholderEnvironment };
    const { code, stdout } = await acsIdentity(['config', 'check'], { environment });
    expect(code).toBe(0);
    expect(stdout).toContain('complete');
  });

  it('check: works for a user without a name, as container platforms have them', async () => {
    const nameless = `import os from 'node:os';
      import { syncBuiltinESMExports } from 'node:module';
      os.userInfo = () => { throw new Error('uv_os_get_passwd returned ENOENT'); };
      syncBuiltinESMExports();`;
    const environment = {
      ...placeholderEnvironment,
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(nameless)}`,
    };
    expect(await acsIdentity(['config', 'check'], { environment })).toMatchObject({ code: 0 });
  });

  it('check: prints a warning and exits with 0, with --strict with 1', async () => {
    const environment = {
      ...placeholderEnvironment,
      AUDIT_LOG_ORIGIN: 'https://example.com/audit',
    };
    const lax = await commandHere(['config', 'check'], { environment });
    expect(lax.stdout).toContain('AUDIT_LOG_ORIGIN has a scheme');
    expect(lax.code).toBe(0);
    const strict = await acsIdentity(['config', 'check', '--strict'], { environment });
    expect(strict.stdout).toBe(lax.stdout);
    expect(strict.code).toBe(1);
    const good = { ...placeholderEnvironment };
    expect((await commandHere(['config', 'check', '--strict'], { environment: good })).code).toBe(
      0,
    );
  });

  it('check: lists every fault with its fix and exits with 78', async () => {
    const environment = { PORT: 'eighty' };
    const { code, stderr } = await acsIdentity(['config', 'check'], { environment });
    expect(code).toBe(78);
    expect(stderr).toContain('PORT');
    expect(stderr).toContain('DATABASE_URL: is not set');
    expect(stderr).not.toContain('eighty');
  });

  it('check: a fault of the pool is no fault of its share for reading', async () => {
    const environment = { ...placeholderEnvironment, DATABASE_POOL_SIZE: '0' };
    const { code, stderr } = await commandHere(['config', 'check'], { environment });
    expect(code).toBe(78);
    expect(stderr).toContain('DATABASE_POOL_SIZE');
    expect(stderr).not.toContain('DATABASE_READING_CONNECTIONS');
  });

  it('list: prints every variable with its default', async () => {
    const { stdout } = await commandHere(['config', 'list']);
    expect(stdout).toContain('PORT (default 3000)');
    expect(stdout).toContain('DATABASE_URL (required)');
  });
});

describe('acs-identity', () => {
  it('--help lists the commands', async () => {
    const { code, stdout } = await acsIdentity(['--help']);
    expect(code).toBe(0);
    for (const name of ['migrate', 'config']) expect(stdout).toContain(name);
  });

  it('--help of a command marks what is required', async () => {
    const { stdout } = await commandHere(['identities', 'erase', '--help']);
    const marked = stdout.replaceAll(/\s+/g, ' ');
    expect(marked).toContain('tenant of the person (required)');
    expect(marked).toContain('the role that the api works as (required) (env: DATABASE_URL)');
    expect(marked.split('(required)')).toHaveLength(4);
  });

  it.each([
    [['audit', 'tail', '-n', '1001'], '0 to 1000'],
    [['audit', 'search', '--limit', '0'], '1 to 100000'],
    [['audit', 'search', '--limit', '-5'], '1 to 100000'],
    [['audit', 'search', '--limit', '100001'], '1 to 100000'],
    [['doctor', '--timeout-seconds', '0'], '1 to 3600'],
    [['audit', 'witness', 'run', '--port', '99999'], '0 to 65535'],
  ])('refuses %s, and says what is allowed', async (args, allowed) => {
    const { code, stderr } = await commandHere(args);
    expect(stderr).toContain(`It must be a whole number from ${allowed}.`);
    expect(code).toBe(1);
  });

  it('prints its help for an unknown command and exits with 1', async () => {
    const { code, stderr } = await acsIdentity(['unknown']);
    expect(code).toBe(1);
    expect(stderr).toContain('Usage: acs-identity');
  });
});
