/** Loads the discovery documents and key sets of identity providers. */
export abstract class MetadataSource {
  /**
   * Loads a JSON document.
   *
   * @param url https
   * @returns the parsed document, unvalidated
   * @throws Error when the response is no JSON document, or the signal aborts first
   */
  abstract load(url: string, signal: AbortSignal): Promise<unknown>;
}
