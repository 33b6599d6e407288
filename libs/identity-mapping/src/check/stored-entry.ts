import { tryParseAuditEntry } from '#libs/audit';
import type { Transaction } from '#libs/platform';
import { z } from 'zod';
import { type IdRange, LEAVES, rowsOf, type StoredMappingEntry } from './check-statements.js';
import type { MappingEntry } from './mapping-history.js';

const DETAILS = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]),
);

/**
 * What a row says of its mapping. Where its bytes were edited so that they say nothing, the columns name the
 * mapping, and what the entry changed is not known: its damage is a finding about the log, and none about the
 * mapping.
 */
export function toMappingEntry(row: StoredMappingEntry): MappingEntry {
  const { identityId, action, reasonCode, nameHash, nameSalts } = row;
  const details = DETAILS.nullish().safeParse(row.details);
  const common = {
    ...{ identityId, action, reasonCode },
    index: Number(row.index),
    recordedAtMs: Number(row.recordedAtMs),
  };
  if (isTexts(row.target) && details.success) {
    return { ...common, target: row.target, details: details.data, nameHash, nameSalts };
  }
  const { tenant, subject, communicationUserId } = row;
  return {
    ...common,
    target: Object.fromEntries(
      Object.entries({ tenant, subject, communicationUserId }).filter(
        ([, value]) => value !== null,
      ),
    ),
    details: { cut: true },
    nameHash: null,
    nameSalts: null,
  };
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((text) => typeof text === 'string')
  );
}

/** Indexes of the entries of a slice whose bytes can't be decoded. */
export async function undecodableEntries(
  transaction: Transaction,
  range: IdRange,
): Promise<string[]> {
  const indexes: string[] = [];
  const rows = rowsOf<{ index: string; leaf: Buffer }>(
    transaction,
    'mapping_leaves',
    LEAVES(range),
  );
  for await (const { index, leaf } of rows) if (!tryParseAuditEntry(leaf)) indexes.push(index);
  return indexes;
}
