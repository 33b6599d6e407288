import { z } from 'zod';
import { canonicalName } from '../model/application-identity.js';
import { identityFields } from '../model/identity-fields.js';
import type { IdentityDescription } from '../lifecycle/identity-linking.js';
import type { StreamLine } from './line-reader.js';

/** What a line asks for. */
export interface ImportItem extends IdentityDescription {
  readonly number: number;
  readonly isSuspended: boolean;
}

/** Why a line can't be taken. */
export interface LineFault {
  readonly number: number;
  readonly code: string;
  readonly detail: string;
}

const importable = ['pending', 'active', 'suspended'] as const;

const identityLine = z.strictObject({
  kind: identityFields.kind.default('user'),
  subject: identityFields.subject,
  tenant: identityFields.tenant.optional(),
  displayName: identityFields.displayName.optional(),
  communicationUserId: identityFields.communicationUserId.optional(),
  status: z.enum(importable, { error: `is not one of ${importable.join(', ')}` }).optional(),
  // An export has these; the import makes its own.
  id: z.uuid().optional(),
  resource: z.string().max(64).optional(),
  createdAt: z.iso.datetime().optional(),
  updatedAt: z.iso.datetime().optional(),
});

/** A user as Microsoft's Authentication Hero sample keeps it in Graph. */
const heroLine = z
  .strictObject({
    userId: identityFields.subject,
    acsUserIdentity: identityFields.communicationUserId,
  })
  .transform(({ userId, acsUserIdentity }) => ({
    kind: 'user' as const,
    subject: userId,
    communicationUserId: acsUserIdentity,
  }));

/**
 * Reads a line of an import.
 *
 * @param tenant that of the importer, for lines that name none
 * @param isAnyTenant whether lines may name others, as an operator's may
 */
export function readImportLine(
  line: StreamLine,
  { tenant, isAnyTenant }: { readonly tenant: string; readonly isAnyTenant: boolean },
): ImportItem | LineFault {
  const { number } = line;
  if ('problem' in line) return { number, code: 'invalid-line', detail: line.problem };
  const json = parsed(line.text);
  if (json === undefined) return { number, code: 'invalid-line', detail: 'the line is not JSON' };
  const isHero = typeof json === 'object' && json !== null && 'acsUserIdentity' in json;
  const result = (isHero ? heroLine : identityLine).safeParse(json);
  if (!result.success) return { number, code: 'invalid-line', detail: faultsOf(result.error) };
  const data: z.output<typeof identityLine> = result.data;
  const named = canonicalName(data.tenant ?? tenant);
  if (named !== canonicalName(tenant) && !isAnyTenant) {
    return { number, code: 'tenant-not-allowed', detail: 'the tenant is not the caller’s own' };
  }
  const isSuspended = data.status === 'suspended';
  if (isSuspended && data.communicationUserId === undefined) {
    const detail = 'communicationUserId: is needed for a suspended identity';
    return { number, code: 'invalid-line', detail };
  }
  return {
    number,
    isSuspended,
    tenant: named,
    subject: canonicalName(data.subject),
    kind: data.kind,
    ...(data.displayName !== undefined && { displayName: data.displayName }),
    ...(data.communicationUserId !== undefined && {
      communicationUserId: data.communicationUserId.toLowerCase(),
    }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) ?? null;
  } catch {
    return undefined;
  }
}

/** Names the fields and what is wrong with them, never the values. */
function faultsOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 8)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ')
    .slice(0, 500);
}
