import type { components } from '@acs-identity/client';
import { OUTCOMES } from '../../entries/outcome.js';

type AuditAction = components['schemas']['AuditAction'];

/** The actions, as the choice of filters groups them. */
export const ACTION_GROUPS: Readonly<Record<string, readonly AuditAction[]>> = {
  Tokens: [
    ...(['token.issue', 'token.reuse', 'token.exchange', 'token.revoke'] as const),
    ...(['revocation.start', 'revocation.end'] as const),
  ],
  Identities: [
    ...(['identity.create', 'identity.link', 'identity.read', 'identity.update'] as const),
    ...(['identity.suspend', 'identity.resume', 'identity.delete'] as const),
    ...(['identity.import', 'identity.export', 'identity.outcome-unknown'] as const),
  ],
  'Teams Phone': [
    'teams-phone.assign',
    'teams-phone.unassign',
    'teams-phone.read',
    'teams-phone.import',
    'teams-phone.export',
  ],
  Visitors: ['invitation.create', 'invitation.end'],
  Refusals: ['authentication.reject', 'authorization.deny', 'request.limit'],
  Service: ['policy.load', 'configuration.load', 'secret.read', 'secret.rotate'],
  'Audit log': [
    'audit.read',
    'audit.export',
    'audit.trace',
    'audit.erase',
    'audit.retain',
    'audit.damage',
  ],
};

/** One filter of the service, by the name of its parameter. */
export interface FilterDefinition {
  readonly label: string;
  readonly group: 'What' | 'Who' | 'On whom' | 'Why' | 'Ids';
  /** What may be chosen; any text when absent. */
  readonly values?: readonly string[];
  /** What to type, as an example. */
  readonly hint?: string;
  /** Whether several values may be given, of which an entry has one. */
  readonly isList?: boolean;
  /** Of a person, and erasable: it is in no address. */
  readonly isPersonal?: boolean;
}

const ACTOR_KINDS = ['user', 'service', 'bot', 'visitor', 'system', 'operator', 'unauthenticated'];
const ACTIONS = Object.values(ACTION_GROUPS).flat();

/** The filters, by their names in the address, and, but for `involvedSubject`, at the service. */
export const FILTERS = {
  action: { label: 'action', group: 'What', values: ACTIONS, isList: true },
  actionNot: { label: 'action is not', group: 'What', values: ACTIONS, isList: true },
  outcome: { label: 'outcome', group: 'What', values: OUTCOMES, isList: true },
  scope: { label: 'scope', group: 'What', hint: 'such as voip' },
  displayName: { label: 'name', group: 'Who', hint: 'the whole name', isPersonal: true },
  involvedSubject: { label: 'involved person', group: 'Who', hint: 'subject (object id)' },
  actorSubject: { label: 'person', group: 'Who', hint: 'subject (object id)' },
  actorSubjectNot: { label: 'person is not', group: 'Who', hint: 'subject', isList: true },
  actorTenant: { label: 'tenant', group: 'Who', hint: 'tenant id' },
  actorKind: { label: 'kind', group: 'Who', values: ACTOR_KINDS, isList: true },
  isGuest: { label: 'guest', group: 'Who', values: ['true', 'false'] },
  clientApp: { label: 'app', group: 'Who', hint: 'client id' },
  clientAddress: { label: 'address', group: 'Who', hint: '10.1.2.3', isPersonal: true },
  address: { label: 'addresses', group: 'Who', hint: '10.1.0.0/16', isPersonal: true },
  targetSubject: { label: 'on person', group: 'On whom', hint: 'subject (object id)' },
  targetTenant: { label: 'on tenant', group: 'On whom', hint: 'tenant id' },
  identityId: { label: 'identity', group: 'On whom', hint: 'id of the identity' },
  communicationUserId: { label: 'ACS identity', group: 'On whom', hint: '8:acs:…' },
  resource: { label: 'ACS resource', group: 'On whom', hint: 'its name' },
  reasonCode: { label: 'reason', group: 'Why', hint: 'such as no-rule-applies', isList: true },
  reasonText: { label: 'reason has', group: 'Why', hint: 'words' },
  rule: { label: 'rule', group: 'Why', hint: 'of the policy' },
  policyVersion: { label: 'policy version', group: 'Why' },
  secretVersion: { label: 'secret version', group: 'Why' },
  requestId: { label: 'request', group: 'Ids', hint: 'id of a request' },
  traceId: { label: 'trace', group: 'Ids', hint: '32 hexadecimal digits' },
  tokenId: { label: 'session', group: 'Ids', hint: 'id of the caller’s token (uti)' },
  fingerprint: { label: 'token', group: 'Ids', hint: 'fingerprint' },
} as const satisfies Record<string, FilterDefinition>;

export type FilterName = keyof typeof FILTERS;

export function definitionOf(name: string): FilterDefinition | undefined {
  return Object.hasOwn(FILTERS, name) ? FILTERS[name as FilterName] : undefined;
}

const HOUSEKEEPING: readonly AuditAction[] = ['audit.read', 'secret.read'];

/** A filter that is set. */
export interface Filter {
  readonly name: FilterName;
  readonly value: string;
}

/** Whether a filter has a value of a person: it is in no address, and so in no query. */
export function isPersonal({ name }: Filter): boolean {
  return definitionOf(name)?.isPersonal === true;
}

/** Parameters of the address that are no filters. */
const OTHERS: ReadonlySet<string> = new Set([
  ...['range', 'from', 'to', 'tz'],
  ...['entry', 'order', 'columns'],
]);

/** The filters of an address, and what the console does not understand in it. */
export interface ReadFilters {
  readonly filters: readonly Filter[];
  /** Such as `colour=red`. Nothing is searched until they are removed. */
  readonly faults: readonly string[];
}

export function readFilters(
  parameters: URLSearchParams,
  personal: Readonly<Record<string, string>>,
): ReadFilters {
  const filters: Filter[] = [];
  const faults: string[] = [];
  for (const [name, value] of parameters) {
    if (OTHERS.has(name)) continue;
    const definition = definitionOf(name);
    const isKnown =
      definition !== undefined &&
      definition.isPersonal !== true &&
      value !== '' &&
      // A list may have actions of a host, which the service knows.
      (definition.isList === true || definition.values?.includes(value) !== false) &&
      (definition.isList === true || !filters.some((filter) => filter.name === name));
    if (isKnown) filters.push({ name: name as FilterName, value });
    else faults.push(name);
  }
  for (const [name, value] of Object.entries(personal))
    if (definitionOf(name)?.isPersonal === true) filters.push({ name: name as FilterName, value });
  return { filters, faults };
}

/** Filters whose entries are wanted whatever was done: actions themselves, and ids. */
const WHATEVER_WAS_DONE: ReadonlySet<FilterName> = new Set([
  ...(['action', 'actionNot'] as const),
  ...(['requestId', 'traceId', 'tokenId'] as const),
]);

/** Leaves out readings of the log and of secrets, of which there are more than of anything else. */
export function withoutHousekeeping(filters: readonly Filter[]): readonly Filter[] {
  if (filters.some(({ name }) => WHATEVER_WAS_DONE.has(name))) return filters;
  return [...filters, ...HOUSEKEEPING.map((value): Filter => ({ name: 'actionNot', value }))];
}

/**
 * The filters of the searches that together find what these filters find: what an involved person did, and what
 * was done to them. The service has no search for both.
 */
export function searchesOf(filters: readonly Filter[]): readonly (readonly Filter[])[] {
  const involved = filters.find(({ name }) => name === 'involvedSubject');
  if (!involved) return [filters];
  const others = filters.filter(({ name }) => name !== 'involvedSubject');
  return (['actorSubject', 'targetSubject'] as const)
    .filter((name) => !excludes(others, { name, value: involved.value }))
    .map((name) => [...others, { name, value: involved.value }]);
}

/** Whether no entry matches a filter and others. */
function excludes(others: readonly Filter[], { name, value }: Filter): boolean {
  return others.some((other) =>
    other.name === name
      ? other.value !== value
      : name === 'actorSubject' && other.name === 'actorSubjectNot' && other.value === value,
  );
}

/**
 * What the service found wrong with a filter.
 *
 * @param refused its words by the name of a filter or, of several values, by name and place: `outcome/1`
 */
export function refusalOf(
  filter: Filter,
  filters: readonly Filter[],
  refused: ReadonlyMap<string, string>,
): string | undefined {
  const place = filters.filter(({ name }) => name === filter.name).indexOf(filter);
  return refused.get(`${filter.name}/${place}`) ?? refused.get(filter.name);
}

/** The values of each filter. */
export function valuesByName(filters: readonly Filter[]): Readonly<Record<string, string[]>> {
  const values: Record<string, string[]> = {};
  for (const { name, value } of filters) (values[name] ??= []).push(value);
  return values;
}
