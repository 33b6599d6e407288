import { Global, Module } from '@nestjs/common';
import { HttpsMetadataSource } from './https-metadata-source.js';
import { MetadataSource } from './metadata-source.js';

/** Binds `MetadataSource` to the issuers' addresses. */
@Global()
@Module({
  providers: [{ provide: MetadataSource, useClass: HttpsMetadataSource }],
  exports: [MetadataSource],
})
export class HttpsMetadataSourceModule {}
