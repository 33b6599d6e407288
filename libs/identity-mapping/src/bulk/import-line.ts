import { z } from 'zod';
import { type CanonicalName, type LineFault, parseJsonLine, type StreamLine } from '#libs/platform';
import type { Mapping } from '../model/mapping.js';
import { identityFields } from '../model/identity-fields.js';
import type { IdentityDescription } from '../lifecycle/identity-linking.js';

/** A valid line of an import. */
export interface ImportItem extends IdentityDescription {
  readonly number: number;
  readonly isSuspended: boolean;
}

/** The result of one line. */
export interface LineResult {
  readonly line: number;
  readonly outcome: 'created' | 'unchanged' | 'failed';
  readonly id?: string;
  readonly communicationUserId?: string;
  readonly error?: { readonly code: string; readonly detail: string };
}

const importable = ['pending', 'active', 'suspended'] as const;

const identityLine = z.strictObject({
  kind: identityFields.kind.default('user'),
  subject: identityFields.subject,
  tenant: identityFields.tenant.optional(),
  displayName: identityFields.displayName.optional(),
  communicationUserId: identityFields.communicationUserId.optional(),
  status: z.enum(importable, { error: `is not one of ${importable.join(', ')}` }).optional(),
  // Members of an export, which an import ignores.
  id: z.uuid().optional(),
  resource: z.string().max(64).optional(),
  createdAt: z.iso.datetime().optional(),
  updatedAt: z.iso.datetime().optional(),
});

/** A user as Microsoft's Authentication Hero sample stores it in Graph. */
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

function schemaOf(json: unknown): z.ZodType<z.output<typeof identityLine>> {
  const isHero = typeof json === 'object' && json !== null && 'acsUserIdentity' in json;
  return isHero ? heroLine : identityLine;
}

/**
 * Reads a line of an import.
 *
 * @param tenant that of lines without one; `undefined`: they are faults
 * @param isAnyTenant whether lines may be of other tenants
 */
export function readImportLine(
  line: StreamLine,
  {
    tenant,
    isAnyTenant,
  }: { readonly tenant: CanonicalName | undefined; readonly isAnyTenant: boolean },
): ImportItem | LineFault {
  const { number } = line;
  const parsed = parseJsonLine(line, schemaOf);
  if ('code' in parsed) return parsed;
  const { data } = parsed;
  const lineTenant = data.tenant ?? tenant;
  if (lineTenant === undefined) {
    const detail = 'tenant: is needed, because the import names none';
    return { number, code: 'invalid-line', detail };
  }
  if (lineTenant !== tenant && !isAnyTenant) {
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
    tenant: lineTenant,
    subject: data.subject,
    kind: data.kind,
    ...(data.displayName !== undefined && { displayName: data.displayName }),
    ...(data.communicationUserId !== undefined && {
      communicationUserId: data.communicationUserId,
    }),
  };
}

export function success(
  line: number,
  { id, communicationUserId }: Mapping,
  outcome: 'created' | 'unchanged',
): LineResult {
  return { line, outcome, id, ...(communicationUserId !== undefined && { communicationUserId }) };
}

export function failure(
  line: number,
  { code, detail }: { readonly code: string; readonly detail: string },
): LineResult {
  return { line, outcome: 'failed', error: { code, detail } };
}
