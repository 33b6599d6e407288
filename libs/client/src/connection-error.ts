/** No response: the network, the name, the certificate, the time limit, or in a browser CORS. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';

  constructor(url: string, cause: unknown) {
    const { message } = cause instanceof Error ? cause : { message: String(cause) };
    super(
      `No response from ${url}: ${message}. In a browser, the reason may also be that ALLOWED_ORIGINS of the service does not name the origin of the page; the console says so.`,
      { cause },
    );
  }
}
