import type { AuditEntryRecord } from '../entry/audit-entry.js';

/**
 * Auditors of one tenant get the personal values of its own callers only. Of others who acted on the
 * tenant, such as administrators of the home tenant, they get the entry without name, address and user agent.
 *
 * @param tenant whose auditor reads; `undefined` for one who sees the whole log
 */
export function withoutForeignValues<Recorded extends AuditEntryRecord>(
  recorded: Recorded,
  tenant: string | undefined,
): Recorded {
  const { actor, target } = recorded.entry;
  if (tenant === undefined || actor.tenant === tenant) {
    const isOfOther =
      tenant !== undefined && target?.tenant !== undefined && target.tenant !== tenant;
    if (!isOfOther) return recorded;
    const { targetDisplayName: _name, ...own } = recorded.personal;
    return { ...recorded, personal: own };
  }
  const { targetDisplayName } = recorded.personal;
  return {
    ...recorded,
    personal: targetDisplayName === undefined ? {} : { targetDisplayName },
  };
}
