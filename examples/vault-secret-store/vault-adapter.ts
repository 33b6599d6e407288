import { Global, Module } from '@nestjs/common';
import type { Adapter } from '#libs/composition';
import { Clock } from '#libs/platform';
import { SecretStore } from '#libs/secrets';
import { VaultSecretStore } from './vault-secret-store.js';
import { vaultSettings, type VaultSettings } from './vault-settings.js';

@Global()
@Module({
  providers: [
    {
      provide: SecretStore,
      inject: [vaultSettings.key, Clock],
      useFactory: (settings: VaultSettings, clock: Clock) => new VaultSecretStore(settings, clock),
    },
  ],
  exports: [SecretStore],
})
class VaultModule {}

/** Binds `SecretStore` to HashiCorp Vault: `createApi(process.env, { replace: [vaultAdapter] })`. */
export const vaultAdapter: Adapter = {
  ports: [SecretStore],
  modules: [VaultModule],
  settings: [vaultSettings],
};
