import { type components, ConnectionError, ProblemError } from '@acs-identity/client';
import { type Session } from '../sign-in/session.js';

type Schemas = components['schemas'];
export type ListedEntry = Schemas['ListedAuditEntry'];
export type Entry = Schemas['AuditEntry'];

/** Values of a query. An absent one is left out, a list is repeated. */
export type Query = Readonly<Record<string, string | number | readonly string[] | undefined>>;

export interface CallOptions {
  readonly query?: Query;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Calls the service with the token of the person. Its methods throw ProblemError or ConnectionError. */
export class Api {
  constructor(private readonly session: Session) {}

  /** @typeParam T the body of a success, by the OpenAPI document */
  async json<T>(method: string, path: string, options?: CallOptions): Promise<T> {
    const response = await this.send(method, path, options);
    try {
      return (await response.json()) as T;
    } catch (error) {
      if (error instanceof SyntaxError) throw ProblemError.unexpected(response, 'not JSON');
      throw error;
    }
  }

  async text(path: string, options?: CallOptions): Promise<string> {
    return (await this.send('GET', path, options)).text();
  }

  /** A response with a status of success, whose body is still to be read. */
  async send(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const response = await this.#attempt(method, path, options, false);
    if (response.status !== 401) return this.#success(response);
    return this.#success(await this.#attempt(method, path, options, true));
  }

  async #attempt(
    method: string,
    path: string,
    { query = {}, body, headers, signal }: CallOptions,
    isRefused: boolean,
  ): Promise<Response> {
    const accessToken = await this.session.accessToken({ isRefused });
    const url = location.origin + path + queryString(query);
    try {
      return await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${accessToken}`,
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new ConnectionError(url, error);
    }
  }

  async #success(response: Response): Promise<Response> {
    if (!response.ok) throw ProblemError.of(response, await response.text());
    // Such as the sign-in page of a proxy. No route of the service answers with a page.
    if (/^text\/html\b/i.test(response.headers.get('content-type') ?? ''))
      throw ProblemError.unexpected(response, 'a web page');
    return response;
  }
}

function queryString(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const values = Array.isArray(value) ? (value as readonly string[]) : [value];
    for (const one of values) if (one !== undefined) parameters.append(name, String(one));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
