/** The members of a request that this library reads. Fastify's requests have them. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly raw: {
    /** Names and values alternate, in the order received. Shows headers that were sent twice. */
    readonly rawHeaders: readonly string[];
    readonly socket: { readonly remoteAddress?: string | undefined };
  };
  readonly routeOptions?: { readonly url?: string | undefined };
}

/** The member of a reply that this library uses. Fastify's replies have it. */
export interface HttpReply {
  header(name: string, value: string): unknown;
}

/** The value of a header; `undefined` when it is absent or Node gives a list. */
export function header(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** How often a header was sent. `headers` has only the first of several Authorization headers. */
export function headerCount(request: HttpRequest, name: string): number {
  const { rawHeaders } = request.raw;
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const candidate = rawHeaders[index];
    if (candidate?.length === name.length && candidate.toLowerCase() === name) count += 1;
  }
  return count;
}
