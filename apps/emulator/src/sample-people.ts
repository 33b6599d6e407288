/** The fixed sample world: the tenants, app registrations and people that the emulator knows. */

/** A directory. `issuesTo` people and apps sign in through `/{id}/` or `/{domain}/`. */
export interface SampleTenant {
  readonly id: string;
  readonly domain: string;
}

export const sampleTenants = {
  /** The home tenant, in which the API is registered. */
  home: { id: '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40001', domain: 'contoso.example' },
  /** A second tenant, meant to be on the API's allow-list too. */
  second: { id: '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40002', domain: 'fabrikam.example' },
  /** A third tenant, meant to be on no allow-list; carol's own one. */
  third: { id: '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40003', domain: 'tailspin.example' },
} as const satisfies Record<string, SampleTenant>;

/** Something that access tokens are for: an API with its identifiers and permissions. */
export interface SampleResource {
  /** The app id of the API's registration. */
  readonly clientId: string;
  /** App id URI and other accepted identifiers, as they stand before `/.default`. */
  readonly identifiers: readonly [string, ...string[]];
  /** `accessTokenAcceptedVersion` of the registration: the API decides, not the endpoint. */
  readonly tokenVersion: TokenVersion;
  readonly delegatedScopes: readonly string[];
}

export type TokenVersion = '1.0' | '2.0';
export type ResourceName = 'api' | 'communication' | 'teams' | 'key-vault' | 'graph';

const apiClientId = 'a1b7c2d3-4e5f-4a60-8b71-9c82ad930001';

export const sampleResources: Readonly<Record<ResourceName, SampleResource>> = {
  api: {
    clientId: apiClientId,
    identifiers: [`api://${apiClientId}`, apiClientId],
    tokenVersion: '2.0',
    delegatedScopes: [
      'CommunicationToken.Issue',
      'CommunicationToken.Issue.All',
      'CommunicationToken.Revoke.All',
      'CommunicationIdentity.Read.All',
      'CommunicationIdentity.ReadWrite.All',
      'AuditLog.Read.All',
      'Profile.Read',
    ],
  },
  communication: {
    clientId: '632ec9eb-fad7-4cbd-993a-e72973ba2acc',
    identifiers: ['https://communication.azure.com/', 'https://communication.azure.com'],
    tokenVersion: '1.0',
    delegatedScopes: ['user_impersonation'],
  },
  teams: {
    clientId: '1fd5118e-2576-4263-8130-9503064c837a',
    identifiers: ['https://auth.msft.communication.azure.com'],
    tokenVersion: '1.0',
    delegatedScopes: ['Teams.ManageCalls', 'Teams.ManageChats'],
  },
  'key-vault': {
    clientId: 'cfa8b339-82a2-471a-a3c9-0fc0be7a4093',
    identifiers: ['https://vault.azure.net'],
    tokenVersion: '1.0',
    delegatedScopes: ['user_impersonation'],
  },
  graph: {
    clientId: '00000003-0000-0000-c000-000000000000',
    identifiers: ['https://graph.microsoft.com'],
    tokenVersion: '1.0',
    delegatedScopes: ['User.Read'],
  },
};

/** A person of a tenant's directory. */
export interface SamplePerson {
  readonly name: string;
  readonly displayName: string;
  readonly tenantId: string;
  readonly objectId: string;
  readonly userPrincipalName: string;
  /** Delegated permissions of the API consented to for this person. */
  readonly scopes: readonly string[];
  /** App roles of the API assigned to this person. */
  readonly roles: readonly string[];
  /** Set for a guest: the tenant that signs the person in. */
  readonly guestOf?: string;
}

const { home, second, third } = sampleTenants;
const adminPermissions = [
  'CommunicationIdentity.Read.All',
  'CommunicationIdentity.ReadWrite.All',
  'CommunicationToken.Issue.All',
  'CommunicationToken.Revoke.All',
];

export const samplePeople = {
  alice: person('alice', 'Alice Adams', home, 1, ['CommunicationToken.Issue']),
  bob: person('bob', 'Bob Brown', home, 2, ['CommunicationToken.Issue']),
  /** A guest from the third tenant. */
  carol: {
    ...person('carol', 'Carol Clark', home, 3, ['CommunicationToken.Issue']),
    userPrincipalName: `carol_${third.domain}#EXT#@${home.domain}`,
    guestOf: third.id,
  },
  /** Identity administrator, by delegated permission and by app role. */
  ada: person('ada', 'Ada Allen', home, 4, adminPermissions, adminPermissions),
  /** Auditor. */
  grace: person('grace', 'Grace Green', home, 5, ['AuditLog.Read.All'], ['AuditLog.Read.All']),
  /** Signed in, with a permission of the API that gives her nothing here. */
  mallory: person('mallory', 'Mallory Moore', home, 6, ['Profile.Read']),
  /** A user of the second tenant. */
  olga: person('olga', 'Olga Orlova', second, 7, ['CommunicationToken.Issue']),
  /** An auditor of the second tenant. */
  ivan: person('ivan', 'Ivan Ivanov', second, 8, ['AuditLog.Read.All'], ['AuditLog.Read.All']),
} as const satisfies Record<string, SamplePerson>;

export type PersonName = keyof typeof samplePeople;

/** An app registration and its service principal in the home tenant. */
export interface SampleApp {
  readonly name: string;
  readonly clientId: string;
  /** Object id of the service principal: `oid` and `sub` of app-only tokens. */
  readonly objectId: string;
  /** Absent for a public client. */
  readonly clientSecret?: string;
  /** App roles of the API granted to the app. */
  readonly roles: readonly string[];
  /** Whether the app's principal holds the Azure roles that open Key Vault and ACS. */
  readonly hasAzureRoles: boolean;
  /** Where the sign-in page may send the browser back to. `*` stands for any port of localhost. */
  readonly redirectUris: readonly string[];
}

export const sampleApps = {
  /** The API itself; it has a secret for on-behalf-of. */
  'communication-identity-api': app('communication-identity-api', 1, {
    clientId: apiClientId,
    clientSecret: 'api~local-development-secret',
  }),
  /** The public client through which people sign in. */
  'sample-web-app': app('sample-web-app', 2, { redirectUris: ['http://localhost:*'] }),
  'crm-service': app('crm-service', 3, {
    clientSecret: 'crm~local-development-secret',
    roles: ['CommunicationToken.Issue', 'CommunicationToken.Issue.All'],
  }),
  'support-bot': app('support-bot', 4, {
    clientSecret: 'bot~local-development-secret',
    roles: ['CommunicationToken.Issue'],
  }),
  /** What the API's process signs in as at Key Vault and ACS. */
  'identity-service': app('identity-service', 5, {
    clientSecret: 'ids~local-development-secret',
    hasAzureRoles: true,
  }),
  /** The principal behind the managed identity endpoint. */
  'managed-identity': app('managed-identity', 6, { hasAzureRoles: true }),
} as const satisfies Record<string, SampleApp>;

export type AppName = keyof typeof sampleApps;

function person(
  name: string,
  displayName: string,
  tenant: SampleTenant,
  number: number,
  scopes: readonly string[],
  roles: readonly string[] = [],
): SamplePerson {
  return {
    name,
    displayName,
    tenantId: tenant.id,
    objectId: `c0ffee00-1d2e-4f3a-8b4c-5d6e7f80${fourDigits(number)}`,
    userPrincipalName: `${name}@${tenant.domain}`,
    scopes,
    roles,
  };
}

function app(name: string, number: number, given: Partial<SampleApp>): SampleApp {
  return {
    name,
    clientId: `b2c8d3e4-5f60-4b71-9c82-ad93be04${fourDigits(number)}`,
    objectId: `d00dfeed-2e3f-4a4b-8c5d-6e7f8091${fourDigits(number)}`,
    roles: [],
    hasAzureRoles: false,
    redirectUris: [],
    ...given,
  };
}

function fourDigits(number: number): string {
  return number.toString().padStart(4, '0');
}
