import { auditSettings, type AuditSettings } from '#libs/audit';
import {
  communicationServicesSettings,
  type CommunicationServicesSettings,
} from '#libs/communication-services';
import {
  databaseCredentialSettings,
  type DatabaseCredentialSettings,
  keyVaultEventsSettings,
  type KeyVaultEventsSettings,
} from '#libs/secrets';
import { tokenIssuanceSettings, type TokenIssuanceSettings } from '#libs/token-issuance';
import { visitorSettings, type VisitorSettings } from '#libs/visitors';
import type { Advice } from './advice.js';

const SIGNING_KEYS = 'AUDIT_SIGNING_KEY_SECRET';

type Use = readonly [variable: string, secret: string | undefined];

/** No secret serves two purposes: each is of another kind, and a leak of one must not be one of both. */
export function adviceOnSecrets(values: ReadonlyMap<symbol, unknown>): Advice[] {
  const uses = usesOf(values);
  return uses.flatMap(([variable, secret], index) => {
    const other = uses
      .slice(0, index)
      .find(([name, it]) => (name !== variable || name === SIGNING_KEYS) && isSame(it, secret));
    if (other === undefined) return [];
    const [name] = other;
    if (name === variable)
      return [
        {
          code: 'secret-shared',
          variable,
          problem: `names the secret ${secret} twice, so that the log has one key`,
          fix: 'name the secret of the new key, or name the secret once',
        },
      ];
    return [
      {
        code: 'secret-shared',
        variable,
        problem: `names the secret ${secret} of ${name} as well`,
        fix: 'name a secret of its own: each has content of another kind',
      },
    ];
  });
}

/** Key Vault ignores case. */
function isSame(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && one.toLowerCase() === other?.toLowerCase();
}

function usesOf(values: ReadonlyMap<symbol, unknown>): readonly Use[] {
  // The schemas of these settings made the values with these keys.
  const acs = values.get(communicationServicesSettings.key) as
    | CommunicationServicesSettings
    | undefined;
  const audit = values.get(auditSettings.key) as AuditSettings | undefined;
  const issuance = values.get(tokenIssuanceSettings.key) as TokenIssuanceSettings | undefined;
  const visitors = values.get(visitorSettings.key) as VisitorSettings | undefined;
  const events = values.get(keyVaultEventsSettings.key) as KeyVaultEventsSettings | undefined;
  const database = values.get(databaseCredentialSettings.key) as
    | DatabaseCredentialSettings
    | undefined;
  return [
    ...credentialsOf(acs),
    ...(audit?.signingKeySecrets ?? []).map((name): Use => [SIGNING_KEYS, name]),
    ['AUDIT_FINGERPRINT_KEY_SECRET', audit?.fingerprintKeySecret],
    ['TOKEN_CACHE_KEY_SECRET', issuance?.cacheKeySecret],
    ['VISITOR_KEY_SECRET', visitors?.keySecret],
    ['KEY_VAULT_EVENTS_KEY_SECRET', events?.keySecret],
    ['DATABASE_PASSWORD_SECRET', database?.passwordSecret],
  ];
}

/** That two resources share one is found at ACS. */
function credentialsOf(acs: CommunicationServicesSettings | undefined): Use[] {
  const { resources } = acs ?? {};
  return (resources?.names() ?? []).map((name) => [
    'an ACS resource',
    resources?.find(name).credentialSecret,
  ]);
}
