import {
  type AcsClients,
  type CommunicationResource,
  CredentialUnavailable,
  probeResource,
  UpstreamCredentialMalformed,
  UpstreamCredentialRefused,
} from '#libs/communication-services';
import { type Database, explain, parseCommunicationUserId } from '#libs/platform';
import {
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
} from '#libs/secrets';
import { type Finding, finding } from '../findings.js';
import { type Check, type CheckReport, skipped } from '../run-checks.js';
import type { ExaminedDatabase } from './database-connection.js';

/** Errors that the check of the secrets reports. */
const OF_SECRETS = [
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
  UpstreamCredentialMalformed,
];

const UNVERIFIED =
  'accepts the credential; whether its id is right is known with the first identity';

export interface AcsCheckOptions {
  readonly resource: CommunicationResource;
  readonly clients: AcsClients;
  /** Absent where its settings are not valid. */
  readonly examined: ExaminedDatabase | undefined;
  readonly isReachable: () => Promise<boolean>;
}

/** Whether ACS accepts the credential of a resource. Creates, issues and revokes nothing. */
export function acsCheck(options: AcsCheckOptions): Check {
  const { resource, clients, examined, isReachable } = options;
  return {
    name: `acs resource ${resource.name}`,
    run: async (signal) => {
      if (!(await isReachable())) return skipped(`${resource.endpoint} can not be reached`);
      try {
        await probeResource(clients, resource, signal);
        if (!examined || !(await examined.isUsable())) return { findings: [], note: UNVERIFIED };
        return await idReport(resource, examined.database);
      } catch (error) {
        if (OF_SECRETS.some((kind) => error instanceof kind))
          return skipped('its credential can not be read');
        return { findings: [acsFinding(resource.name, error)] };
      }
    },
  };
}

/** An identity of the resource, and why the service refused what ACS answered to the last creation. */
const SEEN = `
  SELECT
    (SELECT communication_user_id FROM mapping
     WHERE resource = $1 AND communication_user_id LIKE '8:acs:%' LIMIT 1) AS identity,
    (SELECT reason_detail FROM audit_entry
     WHERE reason_code = 'acs-resource-mismatch' ORDER BY entry_index DESC LIMIT 1) AS refusal`;

/** ACS shows the id of a resource in identities only, so that what the service has seen says whether it is right. */
async function idReport(
  { name, immutableResourceId: id }: CommunicationResource,
  database: Database,
): Promise<CheckReport> {
  const [seen] = await database
    .query<{ identity: string | null; refusal: string | null }>(SEEN, [name])
    // The checks of the schema and of the role report it.
    .catch(() => []);
  const actual = parseCommunicationUserId(seen?.identity ?? '')?.resource;
  if (actual === id) return { findings: [], note: `accepts the credential, with the id ${id}` };
  const refusal = seen?.refusal ?? '';
  const fault =
    actual === undefined ? refusal : `its identities are of the resource ${actual}, not of ${id}`;
  if (fault.includes(id)) return { findings: [finding('acs-resource-mismatch', name, fault)] };
  return { findings: [], note: UNVERIFIED };
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
