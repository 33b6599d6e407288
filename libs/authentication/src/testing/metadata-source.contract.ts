import { describe, expect, it } from 'vitest';
import type { MetadataSource } from '../keys/metadata-source.js';

export interface MetadataSourceUnderTest {
  readonly source: MetadataSource;
  /** Address of the document `{ "issuer": "https://login.test" }`. */
  readonly url: string;
  /** Address without a document. */
  readonly missingUrl: string;
}

/** The contract of `MetadataSource`. */
export function describeMetadataSource(
  name: string,
  open: () => MetadataSourceUnderTest | Promise<MetadataSourceUnderTest>,
): void {
  describe(`${name} as a MetadataSource`, () => {
    it('loads a document', async () => {
      const { source, url } = await open();
      const document = await source.load(url, new AbortController().signal);
      expect(document).toEqual({ issuer: 'https://login.test' });
    });

    it('rejects when there is no document', async () => {
      const { source, missingUrl } = await open();
      await expect(source.load(missingUrl, new AbortController().signal)).rejects.toThrow();
    });

    it('rejects when the signal is aborted', async () => {
      const { source, url } = await open();
      await expect(source.load(url, AbortSignal.abort())).rejects.toThrow();
    });
  });
}
