import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import type { LocalEnvironment } from './local-folder.js';
import { welcome } from './welcome.js';

const address = 'https://localhost:1';

function environmentWith(caFile: string): LocalEnvironment {
  return {
    ...{ apiUrl: address, sampleUrl: address, consoleUrl: address, tenantId: 'tenant', caFile },
    databaseUrl: 'postgres://service@localhost:2/identity',
    emulator: { entra: address, entraHttp: address, acs: address, keyVault: address },
  } as LocalEnvironment;
}

it('says what is not ready instead of that all is', () => {
  expect(welcome(environmentWith('/ca.pem'))).toContain(`Ready: open ${address}`);
  const text = welcome(environmentWith('/ca.pem'), ['audit', 'schema']);
  expect(text).toContain('The api is not ready, and issues no token: audit, schema.');
  expect(text).not.toContain('Ready: ');
});

it.each(['/srv/my clone #1 %20é (x)/ca.pem', "/srv/it's/ca.pem", '/srv/plain/ca.pem'])(
  'prints commands that a shell understands, in %s',
  (caFile) => {
    const text = welcome(environmentWith(caFile));
    const [, command = ''] = /Node\.js:\s+(export .*)/.exec(text) ?? [];
    const [, option = ''] = /curl --cacert (.*) https/.exec(text) ?? [];
    const seen = execFileSync('sh', [
      '-c',
      `${command}; printf '%s\\n' "$NODE_EXTRA_CA_CERTS" ${option}`,
    ]);
    expect(String(seen)).toBe(`${caFile}\n${caFile}\n`);
  },
);
