import type { ListedEntry } from '../../api/api.js';
import type { FilterName } from './filters.js';

/** A value of an entry, with the filter that finds entries with the same one. */
export interface EntryPart {
  readonly name: string;
  readonly value: string;
  readonly filter?: FilterName;
  /** A personal value whose hash the entry has, and that is no longer stored. */
  readonly isErased?: boolean;
}

export interface PartGroup {
  readonly title: string;
  readonly parts: readonly EntryPart[];
}

/** All that an entry says, in groups. Empty groups are left out. */
export function partsOf({ index, entry, personal }: ListedEntry): readonly PartGroup[] {
  const { actor, target, policy, reason, token, upstream, request } = entry;
  const hashes = entry.personal ?? {};
  const personalPart = (
    name: string,
    member: keyof typeof hashes,
    filter?: FilterName,
  ): EntryPart[] => {
    const value = personal[member];
    if (value !== undefined) return part(name, value, filter);
    return hashes[member] === undefined ? [] : [{ name, value: 'erased', isErased: true }];
  };
  const groups: PartGroup[] = [
    {
      title: 'What',
      parts: [
        ...part('action', entry.action, 'action'),
        ...part('outcome', entry.outcome, 'outcome'),
        ...part('reason', reason?.code, 'reasonCode'),
        ...part('detail', reason?.detail),
        ...part('rule', policy?.rule, 'rule'),
        ...part('policy version', policy?.version, 'policyVersion'),
      ],
    },
    {
      title: 'Who',
      parts: [
        ...part('kind', actor.kind, 'actorKind'),
        ...personalPart('name', 'actorDisplayName', 'displayName'),
        ...part('name', actor.name, 'actorSubject'),
        ...part('person', actor.subject, 'actorSubject'),
        ...part('tenant', actor.tenant, 'actorTenant'),
        ...part('app', actor.clientApp, 'clientApp'),
        ...part('guest', actor.isGuest === true ? 'yes' : undefined),
        ...part('issuer', actor.issuer),
        ...part('permissions', actor.permissions?.join(', ')),
        ...part('token id', actor.tokenId, 'tokenId'),
        ...personalPart('address', 'clientAddress', 'clientAddress'),
        ...personalPart('user agent', 'userAgent'),
      ],
    },
    {
      title: 'On whom',
      parts: [
        ...personalPart('name', 'targetDisplayName', 'displayName'),
        ...part('person', target?.subject, 'targetSubject'),
        ...part('tenant', target?.tenant, 'targetTenant'),
        ...part('kind', target?.kind),
        ...part('identity', target?.identityId, 'identityId'),
        ...part('ACS identity', target?.communicationUserId, 'communicationUserId'),
        ...part('resource', target?.resource, 'resource'),
      ],
    },
    {
      title: 'Token',
      parts: [
        ...part('scopes', token?.scopes.join(', ')),
        ...part('expires', token?.expiresOn),
        ...part('fingerprint', token?.fingerprint, 'fingerprint'),
        ...part('fingerprint key', token?.fingerprintKey),
      ],
    },
    {
      title: 'Request',
      parts: [
        ...part('request', request?.id, 'requestId'),
        ...part('trace', request?.traceId, 'traceId'),
        ...part('ACS correlation', upstream?.correlationVector),
        ...part('secret version', upstream?.secretVersion, 'secretVersion'),
      ],
    },
    {
      title: 'Details',
      parts: detailsOf(entry),
    },
    {
      title: 'In the log',
      parts: [
        ...part('index', String(index)),
        ...part('id', entry.id),
        ...part('recorded', entry.recordedAt),
      ],
    },
  ];
  return groups.filter(({ parts }) => parts.length > 0);
}

/** The further facts of an action, as texts. */
export function detailsOf({ details = {} }: ListedEntry['entry']): EntryPart[] {
  return Object.entries(details).flatMap(([name, value]) =>
    part(name, Array.isArray(value) ? value.join(', ') : String(value)),
  );
}

function part(name: string, value: string | undefined, filter?: FilterName): EntryPart[] {
  return value === undefined || value === '' ? [] : [{ name, value, ...(filter && { filter }) }];
}
