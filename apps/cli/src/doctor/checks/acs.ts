import {
  type AcsClients,
  type CommunicationResource,
  CredentialUnavailable,
  probeResource,
  UpstreamCredentialMalformed,
  UpstreamCredentialRefused,
} from '#libs/communication-services';
import { explain } from '#libs/platform';
import {
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
} from '#libs/secrets';
import { type Finding, finding } from '../findings.js';
import { type Check, skipped } from '../run-checks.js';

/** Errors that the check of the secrets reports. */
const OF_SECRETS = [
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
  UpstreamCredentialMalformed,
];

export interface AcsCheckOptions {
  readonly resource: CommunicationResource;
  readonly clients: AcsClients;
  readonly isReachable: () => Promise<boolean>;
}

/** Whether ACS accepts the credential of a resource. Creates, issues and revokes nothing. */
export function acsCheck({ resource, clients, isReachable }: AcsCheckOptions): Check {
  return {
    name: `acs resource ${resource.name}`,
    run: async (signal) => {
      if (!(await isReachable())) return skipped(`${resource.endpoint} can not be reached`);
      try {
        await probeResource(clients, resource, signal);
        return { findings: [], note: 'accepts the credential' };
      } catch (error) {
        if (OF_SECRETS.some((kind) => error instanceof kind))
          return skipped('its credential can not be read');
        return { findings: [acsFinding(resource.name, error)] };
      }
    },
  };
}

function acsFinding(name: string, error: unknown): Finding {
  const cause = error instanceof Error ? error.cause : undefined;
  const detail = explain(cause ?? error);
  if (error instanceof UpstreamCredentialRefused)
    return finding('acs-credential-refused', name, detail);
  if (cause instanceof CredentialUnavailable)
    return finding('azure-sign-in-failed', name, cause.message);
  return finding('acs-unavailable', name, detail);
}
