import { z } from 'zod';
import { defineSettings, type SettingsOf } from '#libs/platform';

/** Where HashiCorp Vault is, and how this service signs in to it. */
export const vaultSettings = defineSettings(
  'vault',
  z.object({
    VAULT_ADDR: z.url().describe('https address of HashiCorp Vault'),
    VAULT_TOKEN: z.string().describe('token with read access to the mount'),
    VAULT_MOUNT: z.string().default('secret').describe('mount of the KV version 2 engine'),
  }),
  (variables) => ({
    address: variables.VAULT_ADDR,
    token: variables.VAULT_TOKEN,
    mount: variables.VAULT_MOUNT,
  }),
);

export type VaultSettings = SettingsOf<typeof vaultSettings>;
