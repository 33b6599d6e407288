import { OutboundHttp, SystemClock } from '#libs/platform';
import { MemorySecretStore } from '#libs/secrets/testing';
import type { AccessToken } from '@azure/identity';
import { AzureCredential } from '#libs/secrets';
import { Credential } from '../config/credential.js';
import type { SinkContext } from '../sinks/sink-context.js';

class FixedAzureCredential extends AzureCredential {
  constructor(private readonly token: string) {
    super();
  }

  async getToken(): Promise<AccessToken> {
    return Promise.resolve({ token: this.token, expiresOnTimestamp: Date.now() + 3_600_000 });
  }
}

/** A context for sinks in tests, with secrets in memory. @param azureToken of the process's identity */
export function testContext(
  secrets: Readonly<Record<string, string>> = {},
  azureToken = 'azure-token',
): SinkContext & { readonly outbound: OutboundHttp } {
  const clock = new SystemClock();
  const store = new MemorySecretStore(clock, secrets);
  return {
    outbound: new OutboundHttp(),
    clock,
    azure: new FixedAzureCredential(azureToken),
    origin: 'example.com/audit',
    timeoutMs: 20_000,
    continuation: { faultOf: async () => Promise.resolve(undefined) },
    credential: (reference) => new Credential(reference, store, {}),
  };
}
