import { type Canonical, type Guid, GUID_SOURCE } from './guid.js';

/**
 * The raw id of a user or an application of ACS or Teams in its canonical form: lower case. Made by the
 * functions of this file only.
 */
export type CommunicationUserId = Canonical<'communicationUserId'>;

/** The cloud whose prefix an id has: public, GCC High or DoD. */
export type CommunicationCloud = 'public' | 'gcch' | 'dod';

/**
 * A communication user id and its parts, as `createIdentifierFromRawId` of `@azure/communication-common`
 * reads them. Of an ACS resource, whose immutable id begins it:
 *
 * - `acsUser`: `8:acs:{resource}_{user}`, an identity that was created in the resource;
 * - `teamsExtensionUser`: `8:acs:{resource}_{tenant}_{user}`, a user of Teams Phone extensibility;
 * - `entraUser`: `8:acs:{resource}_wf_{tenant}_{user}`, an Entra user who came directly (preview).
 *
 * Of no ACS resource: `teamsUser`, `8:orgid:{user}`, `teamsVisitor`, `8:teamsvisitor:{user}`, who joined a
 * Teams meeting without sign-in, and `teamsApp`, `28:orgid:{app}`. The other clouds have `gcch-acs` and
 * `dod-acs`, `gcch` and `dod` instead of `acs` and `orgid`; a visitor’s id does not say its cloud.
 *
 * A telephone number (`4:`) is no id here: it would be a personal value in logs of searches.
 */
export type ParsedCommunicationUserId = {
  readonly id: CommunicationUserId;
  readonly cloud: CommunicationCloud;
  /** The object id of the user or application; of an `acsUser`, its own GUID. */
  readonly user: Guid;
} & (
  | { readonly kind: 'acsUser'; readonly resource: Guid; readonly tenant?: undefined }
  | {
      readonly kind: 'teamsExtensionUser' | 'entraUser';
      readonly resource: Guid;
      readonly tenant: Guid;
    }
  | {
      readonly kind: 'teamsUser' | 'teamsVisitor' | 'teamsApp';
      readonly resource?: undefined;
      readonly tenant?: undefined;
    }
);

const guid = (name: string): string => `(?<${name}>${GUID_SOURCE})`;

const OF_RESOURCE = new RegExp(
  `^8:(?:(?<cloud>gcch|dod)-)?acs:${guid('resource')}_(?:(?<direct>wf_)?${guid('tenant')}_)?${guid('user')}$`,
);
const OF_TEAMS = new RegExp(
  `^(?:8:teamsvisitor|(?<type>8|28):(?<cloud>orgid|gcch|dod)):${guid('user')}$`,
);

/** @returns `undefined` for any other text */
export function parseCommunicationUserId(text: string): ParsedCommunicationUserId | undefined {
  const lowerCase = text.toLowerCase();
  const groups = (OF_RESOURCE.exec(lowerCase) ?? OF_TEAMS.exec(lowerCase))?.groups;
  if (!groups) return undefined;
  const { cloud, type, direct } = groups;
  const common = {
    id: lowerCase as CommunicationUserId, // of one of the two forms
    cloud: cloud === 'gcch' || cloud === 'dod' ? cloud : 'public',
  } as const;
  // The groups of the patterns match GUIDs in lower case only.
  const { resource, tenant, user } = groups as { resource?: Guid; tenant?: Guid; user: Guid };
  if (resource === undefined) {
    if (type === undefined) return { ...common, user, kind: 'teamsVisitor' };
    return { ...common, user, kind: type === '28' ? 'teamsApp' : 'teamsUser' };
  }
  if (tenant === undefined) return { ...common, user, resource, kind: 'acsUser' };
  const kind = direct === undefined ? 'teamsExtensionUser' : 'entraUser';
  return { ...common, user, resource, tenant, kind };
}

/** @returns the canonical form of a communication user id, or `undefined` for any other text */
export function canonicalCommunicationUserId(text: string): CommunicationUserId | undefined {
  return parseCommunicationUserId(text)?.id;
}

/** The immutable id of the ACS resource that a user belongs to; `undefined` for one of Teams. */
export function resourceIdOf(user: CommunicationUserId): Guid | undefined {
  return parseCommunicationUserId(user)?.resource;
}

/**
 * The id that ACS gives to a user of Teams Phone extensibility in the public cloud.
 *
 * @param resource the immutable id of the ACS resource
 * @throws Error when that is no GUID
 */
export function teamsExtensionUserId({
  resource,
  tenant,
  user,
}: {
  readonly resource: string;
  readonly tenant: Guid;
  readonly user: Guid;
}): CommunicationUserId {
  const parsed = parseCommunicationUserId(`8:acs:${resource}_${tenant}_${user}`);
  if (parsed?.kind !== 'teamsExtensionUser') throw new Error(`${resource} is not a GUID`);
  return parsed.id;
}
