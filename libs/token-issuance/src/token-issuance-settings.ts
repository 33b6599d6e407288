import { z } from 'zod';
import { defineSettings, list, type SettingsOf, wholeNumber } from '#libs/platform';

export const tokenIssuanceSettings = defineSettings(
  'token-issuance',
  z.object({
    TOKEN_ALLOWED_SCOPES: list()
      .prefault('chat,chat.join,chat.join.limited,voip,voip.join')
      .describe('scopes that a caller may ask for, separated by commas'),
    TOKEN_DEFAULT_SCOPES: list()
      .prefault('voip')
      .describe('scopes of a token when the caller names none, separated by commas'),
    TOKEN_DEFAULT_LIFETIME_MINUTES: wholeNumber(60, 1440)
      .prefault('60')
      .describe('lifetime of a token when the caller names none, 60 to 1440 minutes'),
  }),
  (variables) => ({
    allowedScopes: variables.TOKEN_ALLOWED_SCOPES,
    defaultScopes: variables.TOKEN_DEFAULT_SCOPES,
    defaultLifetimeMinutes: variables.TOKEN_DEFAULT_LIFETIME_MINUTES,
  }),
);

export type TokenIssuanceSettings = SettingsOf<typeof tokenIssuanceSettings>;
