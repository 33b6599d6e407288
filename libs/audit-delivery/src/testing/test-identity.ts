import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { StateFolder } from '../../../../apps/emulator/src/state-folder.js';
import { serverIdentity } from '../../../../apps/emulator/src/tls/local-ca.js';

interface TrustedIdentity {
  readonly key: string;
  readonly cert: string;
  restore(): void;
}

/** A TLS server's key and certificate for loopback, whose CA this process trusts until `restore`. */
export async function trustedIdentity(): Promise<TrustedIdentity> {
  const directory = mkdtempSync(join(tmpdir(), 'audit-delivery-'));
  const standard = tls.getCACertificates('default');
  const { key, certificate, caPem } = await serverIdentity(new StateFolder(directory), []);
  tls.setDefaultCACertificates([...standard, caPem]);
  return {
    key,
    cert: certificate,
    restore(): void {
      tls.setDefaultCACertificates(standard);
      rmSync(directory, { recursive: true });
    },
  };
}
