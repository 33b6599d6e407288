import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import type { LocalEnvironment } from './local-folder.js';
import { welcome } from './welcome.js';

it.each(['/srv/my clone #1 %20é (x)/ca.pem', "/srv/it's/ca.pem", '/srv/plain/ca.pem'])(
  'prints commands that a shell understands, in %s',
  (caFile) => {
    const address = 'https://localhost:1';
    const text = welcome({
      ...{ apiUrl: address, sampleUrl: address, consoleUrl: address, tenantId: 'tenant', caFile },
      databaseUrl: 'postgres://service@localhost:2/identity',
      emulator: { entra: address, entraHttp: address, acs: address, keyVault: address },
    } as LocalEnvironment);
    const [, command = ''] = /Node\.js:\s+(export .*)/.exec(text) ?? [];
    const [, option = ''] = /curl --cacert (.*) https/.exec(text) ?? [];
    const seen = execFileSync('sh', [
      '-c',
      `${command}; printf '%s\\n' "$NODE_EXTRA_CA_CERTS" ${option}`,
    ]);
    expect(String(seen)).toBe(`${caFile}\n${caFile}\n`);
  },
);
