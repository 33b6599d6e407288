import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface StoredVersion {
  readonly value: string;
  readonly isEnabled: boolean;
  readonly expiresAt: Date | undefined;
}

/** Vault's KV version 2 engine on loopback, as far as `VaultSecretStore` uses it. */
export interface VaultStandIn {
  readonly address: string;
  readonly token: string;
  /** The status that every request is answered with; `undefined`: as Vault would. */
  fault: number | undefined;
  put(name: string, value: string, options?: { expiresAt?: Date; isEnabled?: boolean }): string;
  close(): void;
}

export async function startVaultStandIn(): Promise<VaultStandIn> {
  const secrets = new Map<string, StoredVersion[]>();
  const token = 'hvs.example';
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://vault');
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (vault.fault !== undefined) {
      answer(vault.fault, { errors: [] });
      return;
    }
    if (request.headers['x-vault-token'] !== token) {
      answer(403, { errors: ['permission denied'] });
      return;
    }
    const versions = secrets.get(decodeURIComponent(url.pathname.split('/').at(-1) ?? '')) ?? [];
    const version = Number(url.searchParams.get('version') ?? versions.length);
    const stored = versions[version - 1];
    if (!stored) {
      answer(404, { errors: [] });
      return;
    }
    const { value, isEnabled, expiresAt } = stored;
    const custom = expiresAt && { 'expires-at': expiresAt.toISOString() };
    answer(isEnabled ? 200 : 404, {
      data: {
        data: isEnabled ? { value } : null,
        metadata: { version, custom_metadata: custom ?? null },
      },
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const vault: VaultStandIn = {
    address: `http://127.0.0.1:${port}`,
    token,
    fault: undefined,
    put: (name, value, { expiresAt, isEnabled = true } = {}) => {
      const versions = [...(secrets.get(name) ?? []), { value, isEnabled, expiresAt }];
      secrets.set(name, versions);
      return String(versions.length);
    },
    close: () => server.close(),
  };
  return vault;
}
