/** Where documents of identity providers come from. */
export abstract class MetadataSource {
  /**
   * Loads a JSON document.
   *
   * @param url https
   * @returns what the document holds; nothing about it is checked
   * @throws Error when it did not come whole, in time and in a sane size, or is no JSON
   */
  abstract load(url: string, signal: AbortSignal): Promise<unknown>;
}

/** Holds documents by address, for tests. An address without a document counts as an outage. */
export class MemoryMetadataSource extends MetadataSource {
  readonly documents = new Map<string, unknown>();
  readonly loads: string[] = [];

  override async load(url: string, signal: AbortSignal): Promise<unknown> {
    this.loads.push(url);
    await Promise.resolve();
    signal.throwIfAborted();
    const document = this.documents.get(url);
    if (document === undefined) throw new Error('no answer');
    return document;
  }
}
