import { z } from 'zod';
import {
  ADVANCED,
  boolean,
  defineSettings,
  httpsOrigin,
  integer,
  type SettingsOf,
} from '#libs/platform';

const MAX_REFRESH_MINUTES = 1440;
const MAX_OUTAGE_MINUTES = 10_080;

/**
 * The longest time for which a process may use a version of a secret that was replaced, whatever its settings
 * are: 8 days. It is out of reach of the vault then.
 */
export const LONGEST_SECRET_USE_MS = (MAX_REFRESH_MINUTES + MAX_OUTAGE_MINUTES) * 60_000;

/** Where the Key Vault is and how long its secrets are cached. */
export const keyVaultSettings = defineSettings(
  'key-vault',
  z.object({
    KEY_VAULT_URL: httpsOrigin().describe(
      'https address of the Azure Key Vault, such as https://contoso.vault.azure.net',
    ),
    KEY_VAULT_TIMEOUT_MS: integer(100, 30_000)
      .prefault('3000')
      .describe('milliseconds until reading a secret is given up, 100 to 30000')
      .meta(ADVANCED),
    KEY_VAULT_REFRESH_MINUTES: integer(1, MAX_REFRESH_MINUTES)
      .prefault('1')
      .describe('minutes within which a new version of a secret is noticed, 1 to 1440')
      .meta(ADVANCED),
    KEY_VAULT_OUTAGE_MINUTES: integer(1, MAX_OUTAGE_MINUTES)
      .prefault('1440')
      .describe(
        'minutes for which the last known secret is used while the vault is out of reach, 1 to 10080',
      )
      .meta(ADVANCED),
    KEY_VAULT_REREAD_COOLDOWN_SECONDS: integer(1, 3600)
      .prefault('30')
      .describe(
        'longest pause in seconds between two readings past the cache of one secret, which the pauses reach while a credential stays refused, 1 to 3600',
      )
      .meta(ADVANCED),
    KEY_VAULT_VERIFY_CHALLENGE_RESOURCE: boolean()
      .prefault('true')
      .describe(
        "whether the vault's sign-in challenge must name the vault's own domain, true or false; false only for an emulator",
      )
      .meta(ADVANCED),
  }),
  (variables) => ({
    vaultUrl: variables.KEY_VAULT_URL,
    timeoutMs: variables.KEY_VAULT_TIMEOUT_MS,
    refreshMs: variables.KEY_VAULT_REFRESH_MINUTES * 60_000,
    outageMs: variables.KEY_VAULT_OUTAGE_MINUTES * 60_000,
    rereadCooldownMs: variables.KEY_VAULT_REREAD_COOLDOWN_SECONDS * 1000,
    verifyChallengeResource: variables.KEY_VAULT_VERIFY_CHALLENGE_RESOURCE,
  }),
);

export type KeyVaultSettings = SettingsOf<typeof keyVaultSettings>;
