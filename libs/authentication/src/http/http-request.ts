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

/** What is used of an answer. A Fastify reply has this shape. */
export interface HttpReply {
  header(name: string, value: string): unknown;
}

/** A header's value; `undefined` when it is absent or came more than once. */
export function header(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** How often a header was sent. Node keeps the first of several Authorization headers, unsaid. */
export function headerCount(name: string, { raw: { rawHeaders } }: HttpRequest): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const candidate = rawHeaders[index];
    if (candidate?.length === name.length && candidate.toLowerCase() === name) count += 1;
  }
  return count;
}
