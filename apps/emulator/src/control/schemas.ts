import { z } from 'zod';
import {
  SAMPLE_APPS,
  SAMPLE_PEOPLE,
  SAMPLE_RESOURCES,
  SAMPLE_TENANTS,
} from '../fixtures/seed-directory.js';

const guid = z.guid();
const anyObject = z.record(z.string(), z.unknown());

/** Accepts the keys of a record. */
function oneOf<Name extends string>(
  record: Readonly<Record<Name, unknown>>,
): z.ZodEnum<{ [Key in Name]: Key }> {
  // The records are literals, so they have no other keys than their types.
  return z.enum(Object.keys(record) as Name[]);
}

export const mintSchema = z
  .strictObject({
    person: oneOf(SAMPLE_PEOPLE).optional(),
    app: oneOf(SAMPLE_APPS).optional(),
    tenant: guid.optional(),
    resource: oneOf(SAMPLE_RESOURCES).optional(),
    version: z.enum(['1.0', '2.0']).optional(),
    header: anyObject.optional(),
    claims: anyObject.optional(),
    rawHeader: z.string().optional(),
    rawClaims: z.string().optional(),
    sign: z
      .enum(['current', 'unknown', 'impostor', 'oldest', 'none', 'public-key-as-secret'])
      .optional(),
    expiresInSeconds: z.int().min(-31_536_000).max(31_536_000).optional(),
  })
  .refine(({ person, app }) => person === undefined || app === undefined, {
    error: 'person and app are mutually exclusive',
  });

export const rotateSchema = z.strictObject({ retireOld: z.boolean().default(false) });

export const faultSchema = z.strictObject({
  service: z.enum(['entra', 'acs', 'key-vault', 'graph', 'managed-identity']),
  operation: z.string().min(1),
  kind: z.enum([
    ...['status', 'latency', 'reset', 'malformed', 'reply-lost', 'hang', 'oversized', 'redirect'],
  ] as const),
  status: z.int().min(200).max(599).optional(),
  body: z.json().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  latencyMs: z.number().min(0).max(600_000).optional(),
  sizeBytes: z.int().min(0).max(1_073_741_824).optional(),
  location: z.string().optional(),
  count: z.int().min(1).optional(),
  probability: z.number().min(0).max(1).optional(),
  seed: z.int().optional(),
});

export const validateSchema = z.strictObject({ token: z.string() });

export const regenerateSchema = z.strictObject({
  /** Name of the ACS resource; default the first. */
  resource: z.string().optional(),
  key: z.enum(['primary', 'secondary']).default('primary'),
});

export const vaultLimitSchema = z.strictObject({
  limit: z.int().min(0).max(1_000_000),
  windowSeconds: z.number().positive().max(3600).default(10),
});

export const secretSchema = z.strictObject({
  name: z.string().regex(/^[0-9a-zA-Z-]{1,127}$/),
  value: z.string().max(25_600),
  contentType: z.string().optional(),
  enabled: z.boolean().optional(),
  expiresAt: z.iso.datetime().optional(),
  notBefore: z.iso.datetime().optional(),
});

export const graphUsersSchema = z.strictObject({
  users: z
    .array(
      z.strictObject({
        id: guid,
        /** Default: the home tenant. */
        tenant: guid.default(SAMPLE_TENANTS.home.id),
        extensions: z.record(z.string(), anyObject).default({}),
      }),
    )
    .max(10_000),
});

export const journalSchema = z.strictObject({
  service: z.enum(['entra', 'acs', 'key-vault', 'graph', 'managed-identity', 'control']).optional(),
  operation: z.string().optional(),
  /** A sequence number or an ISO instant. */
  since: z
    .union([z.stringFormat('sequence', /^\d+$/).transform(Number), z.iso.datetime()])
    .optional(),
});

export const resetSchema = z.strictObject({
  /** Whether to delete the ACS identities and assignments too; default false. */
  identities: z.boolean().default(false),
});
