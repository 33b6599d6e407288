import { z } from 'zod';
import { ADVANCED, defineSettings, list, type SettingsOf } from '#libs/platform';

/** Groups of routes of Microsoft's samples. */
export const SAMPLES = ['auth-hero', 'calling-sample', 'mobile', 'functions-sample'] as const;

export type Sample = (typeof SAMPLES)[number];

/** The routes of Microsoft's samples that the service has in addition to its own. */
export const compatibilitySettings = defineSettings(
  'compatibility',
  z.object({
    COMPATIBILITY: list()
      .transform((names) => [...new Set(names)])
      .pipe(z.array(z.enum(SAMPLES, { error: `must hold names of ${SAMPLES.join(', ')}` })))
      .prefault('')
      .describe(
        `routes of Microsoft’s samples that applications of these samples call, separated by commas: ${SAMPLES.join(', ')}; none when empty; docs/moving-from-the-samples.md describes them`,
      ),
    COMPATIBILITY_SCOPES: list()
      .transform((names) => [...new Set(names)])
      .pipe(
        z
          .array(z.string().regex(/^[a-z][a-z.]{0,63}$/, 'must hold names of scopes'))
          .min(1, 'must name a scope')
          .max(16, 'must name at most 16 scopes'),
      )
      .prefault('voip,chat')
      .describe(
        'scopes of the tokens of auth-hero and calling-sample when the request names none, separated by commas; the issuance policy must allow them',
      )
      .meta(ADVANCED),
  }),
  (variables) => ({
    samples: variables.COMPATIBILITY,
    defaultScopes: variables.COMPATIBILITY_SCOPES,
  }),
);

export type CompatibilitySettings = SettingsOf<typeof compatibilitySettings>;
