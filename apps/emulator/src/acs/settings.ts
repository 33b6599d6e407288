import { z } from 'zod';

const limit = z.int().min(0).max(1_000_000);
const latency = z.number().min(0).max(600_000);

const limitsShape = {
  create: limit.default(1000),
  createWithToken: limit.default(1000),
  issue: limit.default(1000),
  delete: limit.default(500),
  revoke: limit.default(500),
  exchange: limit.default(500),
  // None is documented for the operations of Teams Phone extensibility.
  assign: limit.default(1000),
  readAssignment: limit.default(1000),
  unassign: limit.default(1000),
  exchangeTeamsExtension: limit.default(1000),
  exchangeEntra: limit.default(1000),
};
const limitsSchema = z.strictObject(limitsShape);

const operationLatencies = z.strictObject({
  create: latency.optional(),
  issue: latency.optional(),
  delete: latency.optional(),
  revoke: latency.optional(),
  exchange: latency.optional(),
  assign: latency.optional(),
  readAssignment: latency.optional(),
  unassign: latency.optional(),
  exchangeTeamsExtension: latency.optional(),
  exchangeEntra: latency.optional(),
});

/** The operations of ACS, as faults and latencies name them. */
export type AcsOperation = keyof z.output<typeof operationLatencies>;

/** The behaviour of the emulated ACS. Every field can be changed at run time. */
export const acsSettingsSchema = z.strictObject({
  /** Requests per window, operation and resource. Default: the documented limits. */
  limits: z.union([z.literal('off'), limitsSchema]),
  /** Default 30, as documented. */
  windowSeconds: z.number().positive().max(3600),
  /** Whether a 429 has `Retry-After`. Unknown for the real service; default true. */
  sendRetryAfter: z.boolean(),
  /** Whether rejected requests count too, as documented (“all requests accrue”). Default true. */
  countRefused: z.boolean(),
  /** Added to every response, or per operation. Default 0; the real service takes 40 to 400 ms. */
  latencyMs: z.union([latency, operationLatencies]),
  /** The error for a deleted or unknown identity. Unknown for the real service; default `not-found`. */
  deletedIdentity: z.enum(['not-found', 'not-owned']),
});

/** A change of settings. Absent fields stay as they are; `limits` is replaced as a whole. */
export const acsSettingsChangeSchema = acsSettingsSchema.partial();

export type AcsSettings = z.output<typeof acsSettingsSchema>;
export type AcsSettingsChange = z.input<typeof acsSettingsChangeSchema>;

export const DEFAULT_ACS_SETTINGS: AcsSettings = {
  limits: limitsSchema.parse({}),
  windowSeconds: 30,
  sendRetryAfter: true,
  countRefused: true,
  latencyMs: 0,
  deletedIdentity: 'not-found',
};
