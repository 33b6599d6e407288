import { z } from 'zod';

/** What a caller may say of the token that it asks for. */
export const tokenRequest = z
  .strictObject({
    scopes: z
      .array(z.string().regex(/^[a-z][a-z.]{0,63}$/, 'is not the name of a scope'))
      .min(1, 'must name a scope, or be left out')
      .max(16, 'must name at most 16 scopes')
      .optional()
      .meta({
        description: 'Left out: the scopes that the policy gives by default.',
        example: ['voip'],
      }),
    expiresInMinutes: z
      .int('must be a whole number of minutes')
      .min(60, 'must be at least 60 minutes')
      .max(1440, 'must be at most 1440 minutes')
      .optional()
      .meta({
        description: 'Left out: the lifetime that the policy gives by default.',
        example: 60,
      }),
  })
  .meta({ id: 'TokenRequest' });

export type TokenRequest = z.output<typeof tokenRequest>;
