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
};
const limitsSchema = z.strictObject(limitsShape);

const operationLatencies = z.strictObject({
  create: latency.optional(),
  issue: latency.optional(),
  delete: latency.optional(),
  revoke: latency.optional(),
  exchange: latency.optional(),
});

/** How the emulated ACS behaves; each field may be changed while it runs. */
export const acsSettingsSchema = z.strictObject({
  /** Requests per window and operation, per resource; default the documented ones. */
  limits: z.union([z.literal('off'), limitsSchema]),
  /** Default 30, as documented. */
  windowSeconds: z.number().positive().max(3600),
  /** Whether a 429 says when to come back. Unknown of the real service; default true. */
  sendRetryAfter: z.boolean(),
  /** Whether refused requests count against the window too; default false. */
  countRefused: z.boolean(),
  /** Added to each answer, or by operation; default 0. The real service takes 40 to 400. */
  latencyMs: z.union([latency, operationLatencies]),
  /** The answer about an identity that was deleted or never was. Unknown; default `not-found`. */
  deletedIdentity: z.enum(['not-found', 'not-owned']),
});

/** A change: what is left out stays, except that `limits` is taken as a whole. */
export const acsSettingsChangeSchema = acsSettingsSchema.partial();

export type AcsSettings = z.output<typeof acsSettingsSchema>;
export type AcsSettingsChange = z.input<typeof acsSettingsChangeSchema>;

export const defaultAcsSettings: AcsSettings = {
  limits: limitsSchema.parse({}),
  windowSeconds: 30,
  sendRetryAfter: true,
  countRefused: false,
  latencyMs: 0,
  deletedIdentity: 'not-found',
};
