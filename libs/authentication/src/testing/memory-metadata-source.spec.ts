import { MemoryMetadataSource } from './memory-metadata-source.js';
import { describeMetadataSource } from './metadata-source.contract.js';

describeMetadataSource('MemoryMetadataSource', () => {
  const source = new MemoryMetadataSource();
  const url = 'https://login.test/document';
  source.documents.set(url, { issuer: 'https://login.test' });
  return { source, url, missingUrl: 'https://login.test/missing' };
});
