/** What is used of a request. A Fastify request has this shape. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly raw: {
    /** Names and values in turn, as they came: shows headers that were sent twice. */
    readonly rawHeaders: readonly string[];
    readonly socket: { readonly remoteAddress?: string | undefined };
  };
  readonly routeOptions?: { readonly url?: string | undefined };
}

/** A header's value; `undefined` when it is absent or came more than once. */
export function header(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
