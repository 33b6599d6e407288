import { z } from 'zod';
import { ADVANCED, defineSettings, secretName, type SettingsOf } from '#libs/platform';

/** Whether the vault says through Azure Event Grid that a secret has a new version. */
export const keyVaultEventsSettings = defineSettings(
  'key-vault-events',
  z.object({
    KEY_VAULT_EVENTS: z
      .enum(['off', 'key', 'entra'], { error: 'must be off, key or entra' })
      .default('off')
      .describe(
        'who may send events of the vault to /v1/key-vault/events: off (nobody), key (who has the key in the query), entra (who has the app role KeyVaultEvent.Send)',
      )
      .meta(ADVANCED),
    KEY_VAULT_EVENTS_KEY_SECRET: secretName()
      .default('key-vault-events-key')
      .describe('name of the secret with that key, 32 characters or more')
      .meta(ADVANCED),
  }),
  (variables) => ({
    access: variables.KEY_VAULT_EVENTS,
    keySecret: variables.KEY_VAULT_EVENTS_KEY_SECRET,
  }),
);

export type KeyVaultEventsSettings = SettingsOf<typeof keyVaultEventsSettings>;
