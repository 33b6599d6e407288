import { Global, Module } from '@nestjs/common';
import { OutboundHttp } from '#libs/platform';
import { AzureCredential, SdkAzureCredential } from './azure-credential.js';
import { azureCredentialSettings, type AzureCredentialSettings } from './settings.js';

/** Provides `AzureCredential` with `@azure/identity`. */
@Global()
@Module({
  providers: [
    {
      provide: AzureCredential,
      inject: [azureCredentialSettings.key, OutboundHttp],
      useFactory: (settings: AzureCredentialSettings, outbound: OutboundHttp) =>
        new SdkAzureCredential(settings, outbound),
    },
  ],
  exports: [AzureCredential],
})
export class AzureCredentialModule {}
