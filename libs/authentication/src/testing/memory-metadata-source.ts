import { MetadataSource } from '../keys/metadata-source.js';

/** Serves documents from memory. A URL without a document behaves like an outage. */
export class MemoryMetadataSource extends MetadataSource {
  readonly documents = new Map<string, unknown>();
  /** Every URL that was requested. */
  readonly loads: string[] = [];

  override async load(url: string, signal: AbortSignal): Promise<unknown> {
    this.loads.push(url);
    await Promise.resolve();
    signal.throwIfAborted();
    const document = this.documents.get(url);
    if (document === undefined) throw new Error('no response');
    return document;
  }
}
