import type { components } from '@acs-identity/client';
import { OUTCOMES } from '../../entries/outcome.js';

type AuditAction = components['schemas']['AuditAction'];

/** The actions, as the choice of filters groups them. */
export const ACTION_GROUPS: Readonly<Record<string, readonly AuditAction[]>> = {
  Tokens: ['token.issue', 'token.reuse', 'token.exchange', 'token.revoke'],
  Identities: [
    ...(['identity.create', 'identity.link', 'identity.read', 'identity.update'] as const),
    ...(['identity.suspend', 'identity.resume', 'identity.delete'] as const),
    ...(['identity.import', 'identity.export', 'identity.outcome-unknown'] as const),
  ],
  Refusals: ['authentication.reject', 'authorization.deny', 'request.limit'],
  Service: ['policy.load', 'configuration.load', 'secret.read', 'secret.rotate'],
  'Audit log': ['audit.read', 'audit.export', 'audit.trace', 'audit.erase', 'audit.retain'],
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

const ACTIONS = Object.values(ACTION_GROUPS).flat();

/** The filters, by their names in the address and at the service. */
export const FILTERS = {
  action: { label: 'action', group: 'What', values: ACTIONS, isList: true },
  outcome: { label: 'outcome', group: 'What', values: OUTCOMES, isList: true },
  actorSubject: { label: 'person', group: 'Who', hint: 'subject (object id)' },
  actorTenant: { label: 'tenant', group: 'Who', hint: 'tenant id' },
  clientApp: { label: 'app', group: 'Who', hint: 'client id' },
  targetSubject: { label: 'on person', group: 'On whom', hint: 'subject (object id)' },
  identityId: { label: 'identity', group: 'On whom', hint: 'id of the identity' },
  communicationUserId: { label: 'ACS identity', group: 'On whom', hint: '8:acs:…' },
  reasonCode: { label: 'reason', group: 'Why', hint: 'such as policy-denied', isList: true },
  reasonText: { label: 'reason has', group: 'Why', hint: 'words' },
  fingerprint: { label: 'token', group: 'Ids', hint: 'fingerprint' },
} as const satisfies Record<string, FilterDefinition>;

export type FilterName = keyof typeof FILTERS;

export function definitionOf(name: string): FilterDefinition | undefined {
  return Object.hasOwn(FILTERS, name) ? FILTERS[name as FilterName] : undefined;
}

/** A filter that is set. */
export interface Filter {
  readonly name: FilterName;
  readonly value: string;
}

/** Parameters of the address that are no filters. */
const OTHERS: ReadonlySet<string> = new Set(['range', 'from', 'to', 'tz', 'entry', 'order']);

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
      (definition.isList === true || !filters.some((filter) => filter.name === name));
    if (isKnown) filters.push({ name: name as FilterName, value });
    else faults.push(name);
  }
  for (const [name, value] of Object.entries(personal))
    if (definitionOf(name)?.isPersonal === true) filters.push({ name: name as FilterName, value });
  return { filters, faults };
}

/** The values of each filter. */
export function valuesByName(filters: readonly Filter[]): Readonly<Record<string, string[]>> {
  const values: Record<string, string[]> = {};
  for (const { name, value } of filters) (values[name] ??= []).push(value);
  return values;
}
