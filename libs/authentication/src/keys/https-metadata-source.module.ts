import { Global, Module } from '@nestjs/common';
import { OutboundHttp } from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';
import { HttpsMetadataSource } from './https-metadata-source.js';
import { MetadataSource } from './metadata-source.js';

/** Binds `MetadataSource` to the issuers' addresses. */
@Global()
@Module({
  providers: [
    {
      provide: MetadataSource,
      inject: [authenticationSettings.key, OutboundHttp],
      useFactory: ({ keys }: AuthenticationSettings, outbound: OutboundHttp) =>
        new HttpsMetadataSource(outbound.dispatcher(keys)),
    },
  ],
  exports: [MetadataSource],
})
export class HttpsMetadataSourceModule {}
