import { z } from 'zod';
import {
  canonicalCommunicationUserId,
  type CanonicalName,
  canonicalName,
  type CommunicationUserId,
  DECORATED_GUID,
  isDecoratedGuid,
  nameFault,
} from '#libs/platform';
import { CALLER_KINDS } from './mapping.js';

const NO_USER_ID =
  'is not the id of a user of ACS or Teams, such as 8:acs:<resource>_<user> or 8:orgid:<user>';

/**
 * A visible character, and no control characters, separators of lines, or embeddings, overrides and isolates of
 * a direction. One pattern, as documents of OpenAPI have one for a field.
 */
const SHOWN_NAME =
  /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]*[\p{L}\p{N}\p{P}\p{S}][^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]*$/u;

/** The one form of a name, which `nameFault` describes. */
function name(noun: string): z.ZodType<CanonicalName, string> {
  return z
    .string()
    .min(1, { error: `must name ${noun}`, abort: true })
    .max(256, { error: 'must have at most 256 characters', abort: true })
    .check(({ value, issues }) => {
      const message = nameFault(value);
      if (message !== undefined) issues.push({ code: 'custom', message, input: value });
    })
    .transform(canonicalName);
}

/** The fields that describe an application identity, in requests and in imported lines. */
export const identityFields = {
  kind: z.enum(CALLER_KINDS, { error: `is not one of ${CALLER_KINDS.join(', ')}` }),
  subject: name('a subject').meta({ description: 'Unique within the tenant; for Entra, `oid`.' }),
  /** A subject that is looked for: one from before `nameFault` was the rule may be any text. */
  recordedSubject: z
    .string()
    .min(1, 'must name a subject')
    .max(256, 'must have at most 256 characters')
    .refine((text) => !isDecoratedGuid(text), DECORATED_GUID)
    .transform(canonicalName)
    .meta({ description: 'Unique within the tenant; for Entra, `oid`.' }),
  tenant: name('a tenant').meta({
    description: 'Default: the caller’s own, the only one allowed.',
  }),
  clientApp: name('a client application'),
  displayName: z
    .string()
    .min(1, 'must not be empty')
    .max(256, 'must have at most 256 characters')
    .regex(
      SHOWN_NAME,
      'must have a visible character, and no control characters or ones that change the direction of text',
    )
    .meta({ description: 'Personal data, shown to administrators.' }),
  /** What a name begins with: one from before may be any text. */
  recordedDisplayName: z
    .string()
    .min(1, 'must not be empty')
    .max(256, 'must have at most 256 characters')
    .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must not hold control characters'),
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
