/** The proxy gave no tunnel to the host, so that the request was not sent. */
export class ProxyFailure extends Error {
  override readonly name = 'ProxyFailure';

  /**
   * @param proxy its credentials are left out
   * @param target host and port
   * @param what the proxy did
   * @param code of the network error, or `PROXY_…`
   */
  constructor(
    proxy: URL,
    target: string,
    what: string,
    readonly code: string,
    cause?: unknown,
  ) {
    super(`the proxy ${proxy.protocol}//${proxy.host} ${what} for ${target} (${code})`, { cause });
  }

  /** The proxy failure among an error and its causes. */
  static among(error: unknown): ProxyFailure | undefined {
    for (let one = error; one instanceof Error; one = one.cause) {
      if (one instanceof ProxyFailure) return one;
    }
    return undefined;
  }
}
