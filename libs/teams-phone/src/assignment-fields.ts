import { z } from 'zod';
import { PRINCIPAL_TYPES } from '#libs/communication-services';
import { canonicalGuid, GUID_PATTERN } from '#libs/platform';

const guid = z
  .string()
  .regex(GUID_PATTERN, 'must be a GUID')
  .transform((text, context) => {
    const canonical = canonicalGuid(text);
    if (canonical !== undefined) return canonical;
    context.addIssue('must be a GUID');
    return z.NEVER;
  })
  .meta({ description: 'GUID of the Entra directory.' });

/** The fields of an assignment, as requests and lines of an import give them. */
export const assignmentFields = {
  /** In its canonical form. */
  guid,
  principalType: z.enum(PRINCIPAL_TYPES, {
    error: `is not one of ${PRINCIPAL_TYPES.join(', ')}`,
  }),
  clientIds: z
    .array(guid)
    .max(100, 'must name at most 100 applications')
    .transform((ids) => [...new Set(ids)])
    .default([])
    .meta({
      description: 'Applications through which Teams Phone may be used. Empty: through any.',
    }),
};
