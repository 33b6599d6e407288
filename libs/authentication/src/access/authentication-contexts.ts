import { z } from 'zod';
import { type Permission, PERMISSIONS } from './permission.js';

/** The Conditional Access authentication contexts that permissions require of users. */
export interface AuthenticationContexts {
  /** For every permission, also those of a host. */
  readonly all?: string;
  readonly byPermission?: Readonly<Partial<Record<Permission, string>>>;
}

/** An id as Entra assigns them. */
const contextId = z
  .string()
  .regex(/^c[1-9]\d?$/, 'must be the id of an authentication context, c1 to c99');

const byPermission = z.partialRecord(z.enum(PERMISSIONS), contextId);

/** One context for all permissions, or an object from permission to context. */
export const authenticationContexts = z.union([
  contextId.transform((all): AuthenticationContexts => ({ all })),
  byPermission.transform((contexts): AuthenticationContexts => ({ byPermission: contexts })),
]);

/** As an environment variable: `c1`, or `AuditLog.Read.All=c1,CommunicationIdentity.ReadWrite.All=c2`. */
export const authenticationContextList = z.string().transform((text, context) => {
  const pairs = text.split(',').map((pair) => pair.trim().split('='));
  const isList = pairs.every((pair) => pair.length === 2);
  const { data } = authenticationContexts.safeParse(isList ? Object.fromEntries(pairs) : text);
  if (data !== undefined) return data;
  context.addIssue('must be c1 to c99, or pairs such as AuditLog.Read.All=c1, separated by commas');
  return z.NEVER;
});

/** The context that a permission requires; `undefined` when it requires none. */
export function requiredContextOf(
  { all, byPermission: contexts }: AuthenticationContexts,
  permission: string,
): string | undefined {
  const byName: Readonly<Record<string, string | undefined>> = contexts ?? {};
  return all ?? byName[permission];
}
