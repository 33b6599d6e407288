import { z } from 'zod';

/** The options of a requested token. */
export const tokenRequest = z
  .strictObject({
    scopes: z
      .array(z.string().regex(/^[a-z][a-z.]{0,63}$/, 'is not the name of a scope'))
      .min(1, 'must name a scope, or be absent')
      .max(16, 'must name at most 16 scopes')
      .optional()
      .meta({
        description: 'Default: those of the policy.',
        example: ['voip'],
      }),
    expiresInMinutes: z
      .int('must be a whole number of minutes')
      .min(60, 'must be at least 60 minutes')
      .max(1440, 'must be at most 1440 minutes')
      .optional()
      .meta({
        description: 'Default: that of the policy.',
        example: 60,
      }),
  })
  .meta({ id: 'TokenRequest' });

export type TokenRequest = z.output<typeof tokenRequest>;
