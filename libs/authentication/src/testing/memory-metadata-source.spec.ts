import { MemoryMetadataSource } from './memory-metadata-source.js';
import { metadataSourceContract } from './metadata-source.contract.js';

metadataSourceContract('MemoryMetadataSource', () => {
  const source = new MemoryMetadataSource();
  const url = 'https://login.test/document';
  source.documents.set(url, { issuer: 'https://login.test' });
  return { source, url, missingUrl: 'https://login.test/missing' };
});
