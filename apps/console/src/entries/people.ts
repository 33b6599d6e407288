import type { ListedEntry } from '../api/api.js';

/** Somebody in an entry, as the pages show them. */
export interface Person {
  /** The display name, or what there is instead of one. */
  readonly text: string;
  /** Subject and tenant, for the tooltip and for filters. */
  readonly tenant: string | undefined;
  readonly subject: string | undefined;
  /** The entry has the hash of a name, and the name is no longer stored. */
  readonly isErased: boolean;
}

export function actorOf({ entry, personal }: ListedEntry): Person {
  const { kind, name, subject, tenant } = entry.actor;
  const isErased =
    entry.personal?.actorDisplayName !== undefined && personal.actorDisplayName === undefined;
  const text =
    kind === 'system'
      ? `the service (${name ?? 'background'})`
      : kind === 'operator'
        ? `operator ${name ?? ''}`.trim()
        : kind === 'unauthenticated'
          ? 'somebody not signed in'
          : kind === 'visitor'
            ? 'a visitor'
            : (personal.actorDisplayName ?? subject ?? 'somebody');
  return { text, tenant, subject: subject ?? name, isErased };
}

export function targetOf({ entry, personal }: ListedEntry): Person | undefined {
  const { target } = entry;
  if (!target) return undefined;
  const { subject, tenant, communicationUserId, identityId } = target;
  const isErased =
    entry.personal?.targetDisplayName !== undefined && personal.targetDisplayName === undefined;
  const ofActor = isSelf(entry) ? personal.actorDisplayName : undefined;
  const text =
    personal.targetDisplayName ?? ofActor ?? subject ?? communicationUserId ?? identityId;
  return text === undefined ? undefined : { text, tenant, subject, isErased };
}

/** Whether somebody acted on themselves. */
export function isSelf({ actor, target }: ListedEntry['entry']): boolean {
  return (
    target?.subject !== undefined &&
    target.subject === actor.subject &&
    target.tenant === actor.tenant
  );
}
