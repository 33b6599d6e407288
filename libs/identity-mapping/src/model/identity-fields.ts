import { z } from 'zod';
import {
  canonicalCommunicationUserId,
  type CanonicalName,
  canonicalName,
  type CommunicationUserId,
  isGuid,
} from '#libs/platform';
import { CALLER_KINDS } from './mapping.js';

/** Any script; no control, format, unassigned or surrogate characters, no line separators. */
const PLAIN = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;
const NO_USER_ID =
  'is not the id of a user of ACS or Teams, such as 8:acs:<resource>_<user> or 8:orgid:<user>';

function name(noun: string): z.ZodType<CanonicalName, string> {
  return z
    .string()
    .min(1, `must name ${noun}`)
    .max(256, 'must have at most 256 characters')
    .regex(PLAIN, 'must not hold control characters')
    .refine((text) => text.trim() === text, 'must not begin or end with a space')
    .transform(canonicalName);
}

const DECORATED = 'must be the id as tokens have it, without braces';

/** Whether a text is not a GUID in braces or in wide characters, which no token has. */
function isPlainId(text: string): boolean {
  const plain = text.normalize('NFKC').replaceAll(/[{}()]/g, '');
  return plain === text || !isGuid(plain);
}

/** The fields that describe an application identity, in requests and in imported lines. */
export const identityFields = {
  kind: z.enum(CALLER_KINDS, { error: `is not one of ${CALLER_KINDS.join(', ')}` }),
  subject: name('a subject')
    .refine(isPlainId, { error: DECORATED })
    .meta({ description: 'Unique within the tenant; for Entra, `oid`.' }),
  tenant: name('a tenant').refine(isPlainId, { error: DECORATED }).meta({
    description: 'Default: the caller’s own, the only one allowed.',
  }),
  clientApp: name('a client application').refine(isPlainId, { error: DECORATED }),
  displayName: z
    .string()
    .min(1, 'must not be empty')
    .max(256, 'must have at most 256 characters')
    .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must not hold control characters')
    .meta({ description: 'Personal data, shown to administrators.' }),
  communicationUserId: z
    .string()
    .max(256, NO_USER_ID)
    .transform((text, context): CommunicationUserId => {
      const id = canonicalCommunicationUserId(text);
      if (id !== undefined) return id;
      context.addIssue(NO_USER_ID);
      return z.NEVER;
    })
    .meta({
      example: '8:acs:e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001_0000002e-1a2b-3c4d-5e6f-3a3a0d000000',
    }),
} as const;
