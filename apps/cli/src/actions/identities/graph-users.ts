import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenCredential } from '@azure/identity';
import { z } from 'zod';
import { type OutboundHttp, retryAfterMs } from '#libs/platform';

/** As Graph allows in one batch. */
const BATCH_SIZE = 20;
const TIMEOUT_MS = 60_000;
const MAX_ATTEMPTS = 8;
const MAX_WAIT_SECONDS = 300;

const page = z.object({
  value: z.array(z.object({ id: z.guid() })),
  '@odata.nextLink': z.url().optional(),
});

const batch = z.object({
  responses: z.array(
    z.object({
      id: z.string(),
      status: z.int(),
      headers: z.record(z.string(), z.string()).optional(),
      body: z.unknown(),
    }),
  ),
});

const failure = z.object({ error: z.object({ code: z.string().max(128) }) });
const heroExtension = z.object({ acsUserIdentity: z.string() });

/** A user for whom the Authentication Hero has stored an identity. */
export interface HeroUser {
  readonly userId: string;
  readonly acsUserIdentity: string;
}

/** A page of the directory. */
export interface HeroPage {
  /** Users of the page, with and without an identity. */
  readonly users: number;
  readonly mapped: readonly HeroUser[];
  /** Address of the next page; `undefined` on the last one. */
  readonly next: string | undefined;
}

/** How Microsoft Graph is reached. */
export interface GraphOptions {
  /** Origin, such as `https://graph.microsoft.com`. */
  readonly url: string;
  readonly scope: string;
  /** The tenant whose users are read. */
  readonly tenant: string;
  /** Name of the open extension. */
  readonly extension: string;
}

interface GraphResponse {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter: string | undefined;
}

/** Reads the mappings of the Authentication Hero out of open extensions of Microsoft Graph. */
export class GraphUsers {
  readonly #fetch: ReturnType<OutboundHttp['fetch']>;

  constructor(
    private readonly options: GraphOptions,
    private readonly credential: TokenCredential,
    outbound: OutboundHttp,
  ) {
    this.#fetch = outbound.fetch({ timeoutMs: TIMEOUT_MS });
  }

  /**
   * Reads the directory page by page. The extensions of its users are read in batches: Graph expands
   * open extensions of single users only.
   *
   * @param from address of the first page; default: the beginning
   * @throws Error when Graph refuses, or is unavailable for longer than it is waited for
   */
  async *pages(from?: string): AsyncGenerator<HeroPage> {
    let address: string | undefined = from ?? `${this.options.url}/v1.0/users?$select=id`;
    while (address !== undefined) {
      const { value, '@odata.nextLink': next } = page.parse(await this.#call(this.#own(address)));
      yield { users: value.length, mapped: await this.#mapped(value.map(({ id }) => id)), next };
      address = next;
    }
  }

  async #mapped(ids: readonly string[]): Promise<HeroUser[]> {
    const mapped: HeroUser[] = [];
    for (let start = 0; start < ids.length; start += BATCH_SIZE) {
      mapped.push(...(await this.#readExtensions(ids.slice(start, start + BATCH_SIZE))));
    }
    return mapped;
  }

  /** Sends one batch, and those of its requests again that Graph has refused for a time. */
  async #readExtensions(ids: readonly string[]): Promise<HeroUser[]> {
    const found = new Map<string, string>();
    let open = ids;
    for (let attempt = 1; open.length > 0; attempt += 1) {
      const { responses } = batch.parse(
        await this.#call(`${this.options.url}/v1.0/$batch`, this.#batchOf(open)),
      );
      const repeated: string[] = [];
      let waitSeconds = 0;
      for (const id of open) {
        const answer = responses.find((response) => response.id === id);
        if (answer === undefined) throw new Error('Graph left a request of a batch unanswered.');
        const { status, headers = {}, body } = answer;
        if (isTransient(status) && attempt < MAX_ATTEMPTS) {
          repeated.push(id);
          const [, retryAfter] =
            Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after') ?? [];
          waitSeconds = Math.max(waitSeconds, waitOf(retryAfter, attempt));
          continue;
        }
        if (status === 404) continue;
        if (status !== 200) throw refusalOf(status, body);
        const { data } = heroExtension.safeParse(body);
        if (data !== undefined) found.set(id, data.acsUserIdentity);
      }
      await sleep(waitSeconds * 1000);
      open = repeated;
    }
    return ids.flatMap((userId) => {
      const acsUserIdentity = found.get(userId);
      return acsUserIdentity === undefined ? [] : [{ userId, acsUserIdentity }];
    });
  }

  #batchOf(ids: readonly string[]): object {
    const name = encodeURIComponent(this.options.extension);
    const requests = ids.map((id) => ({
      ...{ id, method: 'GET', url: `/users/${id}/extensions/${name}` },
    }));
    return { requests };
  }

  /** @throws Error for an address elsewhere: the token is for Graph only */
  #own(address: string): string {
    if (new URL(address).origin === this.options.url) return address;
    throw new Error(`${new URL(address).origin} is not ${this.options.url}.`);
  }

  /** @returns the body of the response, which is JSON */
  async #call(address: string, body?: object): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#send(address, body);
      if (response.status === 200) return response.body;
      if (!isTransient(response.status) || attempt === MAX_ATTEMPTS) {
        throw refusalOf(response.status, response.body);
      }
      await sleep(waitOf(response.retryAfter, attempt) * 1000);
    }
  }

  async #send(address: string, body?: object): Promise<GraphResponse> {
    const { scope, tenant: tenantId } = this.options;
    // Of this tenant, so that the users of another one are never imported into it.
    const token = await this.credential.getToken(scope, { tenantId });
    const response = await this.#fetch(address, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token?.token ?? ''}`,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const json: unknown = await response.json().catch(() => undefined);
    const retryAfter = response.headers.get('retry-after') ?? undefined;
    return { status: response.status, body: json, retryAfter };
  }
}

function isTransient(status: number): boolean {
  return status === 429 || (status >= 500 && status !== 501);
}

/** In seconds. @param retryAfter without it, the wait doubles with each attempt */
function waitOf(retryAfter: string | undefined, attempt: number): number {
  const waitMs = retryAfterMs(retryAfter, Date.now());
  return Math.min(waitMs === undefined ? 2 ** attempt : waitMs / 1_000, MAX_WAIT_SECONDS);
}

function refusalOf(status: number, body: unknown): Error {
  const code = failure.safeParse(body).data?.error.code ?? 'no code';
  const remedies: Readonly<Record<number, string>> = {
    400: ' If it was to be resumed: the page has expired; remove the resume file to begin again.',
    401: ' Check that AZURE_CREDENTIAL signs in to this cloud and that --graph-url belongs to it.',
    403: ' Grant the application permission User.Read.All of Microsoft Graph, with admin consent.',
  };
  return new Error(`Microsoft Graph answered ${status} (${code}).${remedies[status] ?? ''}`);
}
