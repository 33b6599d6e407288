import { Global, Module } from '@nestjs/common';
import { AzureCredential, SdkAzureCredential } from './azure-credential.js';
import { azureCredentialSettings, type AzureCredentialSettings } from './settings.js';

/** Provides `AzureCredential` with `@azure/identity`. */
@Global()
@Module({
  providers: [
    {
      provide: AzureCredential,
      inject: [azureCredentialSettings.key],
      useFactory: (settings: AzureCredentialSettings) => new SdkAzureCredential(settings),
    },
  ],
  exports: [AzureCredential],
})
export class AzureCredentialModule {}
