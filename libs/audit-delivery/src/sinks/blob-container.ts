import { AzureFault } from '#libs/secrets';
import type { Credential } from '../config/credential.js';
import { SinkFailure } from '../delivery/sink.js';
import {
  foreignAnswer,
  type HttpAnswer,
  type HttpMessage,
  HttpReceiver,
  isSuccess,
} from './http-receiver.js';
import type { SinkContext } from './sink-context.js';

/** The end of an append blob. */
export interface AppendPlace {
  readonly name: string;
  readonly size: number;
}

/** A blob that is read and replaced as a whole. */
export interface SmallBlob {
  readonly text: string;
  /** Of this version of the blob. */
  readonly etag: string;
}

const API_VERSION = '2024-11-04';
const SCOPE = 'https://storage.azure.com/.default';
const MAX_PARTS = 100;

/**
 * The few operations of Azure Blob Storage's REST API that an archive needs. The SDK brings 30 MB of packages
 * for them.
 */
export class BlobContainer {
  readonly #receiver: HttpReceiver;
  readonly #base: URL;

  /** @param sas absent: the Azure identity of the process */
  constructor(
    address: string,
    private readonly sas: Credential | undefined,
    private readonly context: SinkContext,
  ) {
    this.#receiver = new HttpReceiver(context);
    this.#base = new URL(address);
  }

  /** The ends of the blobs of this name: `name.ndjson`, then `name-2.ndjson` once the first is full. */
  async parts(name: string, signal: AbortSignal): Promise<AppendPlace[]> {
    const places: AppendPlace[] = [];
    for (let part = 1; part <= MAX_PARTS; part += 1) {
      const place = await this.#find(partName(name, part), signal);
      if (!place) return places;
      places.push(place);
    }
    throw new SinkFailure('refused', `has ${MAX_PARTS} full blobs ${name}`);
  }

  /** Creates the first blob of this name. */
  async create(name: string, signal: AbortSignal): Promise<AppendPlace> {
    return this.#create(partName(name, 1), signal);
  }

  /**
   * Appends if the blob still ends there.
   *
   * @returns the new end
   */
  async append(place: AppendPlace, body: Buffer, signal: AbortSignal): Promise<AppendPlace> {
    const answer = await this.#request(
      {
        method: 'PUT',
        url: this.#url(place.name, { comp: 'appendblock' }),
        headers: { 'x-ms-blob-condition-appendpos': String(place.size) },
        body,
      },
      signal,
    );
    if (isSuccess(answer)) return { name: place.name, size: place.size + body.length };
    const code = codeOf(answer);
    if (code === 'BlockCountExceedsLimit') {
      const next = await this.#create(nextPartName(place.name), signal);
      return this.append(next, body, signal);
    }
    // 412: an append whose answer was lost, or another writer. The next attempt reads the end anew.
    if (answer.status === 412) throw new SinkFailure('unavailable', `the blob has grown (${code})`);
    throw this.#receiver.failureOf(answer, code);
  }

  /** The last bytes of a blob. */
  async tail({ name, size }: AppendPlace, bytes: number, signal: AbortSignal): Promise<string> {
    const range = `bytes=${Math.max(0, size - bytes)}-${size - 1}`;
    const headers = { 'x-ms-range': range };
    const answer = await this.#request({ method: 'GET', url: this.#url(name), headers }, signal);
    if (!isSuccess(answer)) throw this.#receiver.failureOf(answer, codeOf(answer));
    return answer.text;
  }

  /** @returns `undefined` when there is no such blob */
  async read(name: string, signal: AbortSignal): Promise<SmallBlob | undefined> {
    const answer = await this.#request({ method: 'GET', url: this.#url(name) }, signal);
    if (answer.status === 404 && codeOf(answer) === 'BlobNotFound') return undefined;
    if (!isSuccess(answer)) throw this.#receiver.failureOf(answer, codeOf(answer));
    return { text: answer.text, etag: etagOf(answer) };
  }

  /** Writes a small blob if it is still the one that was read, or there is still none. */
  async replace(
    name: string,
    text: string,
    read: SmallBlob | undefined,
    signal: AbortSignal,
  ): Promise<SmallBlob> {
    const condition = read ? { 'if-match': read.etag } : { 'if-none-match': '*' };
    return { text, etag: await this.#put(name, text, condition, signal) };
  }

  /** Writes a small blob, in place of an older one. */
  async put(name: string, body: string, signal: AbortSignal): Promise<void> {
    await this.#put(name, body, {}, signal);
  }

  /** @returns the ETag of what was written */
  async #put(
    name: string,
    body: string,
    condition: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<string> {
    const headers = { 'x-ms-blob-type': 'BlockBlob', ...condition };
    const answer = await this.#request(
      { method: 'PUT', url: this.#url(name), headers, body },
      signal,
    );
    if (isSuccess(answer)) return etagOf(answer);
    const code = codeOf(answer);
    // A write whose answer was lost, or another writer. The next attempt reads the blob anew.
    if (answer.status === 412 || code === 'BlobAlreadyExists')
      throw new SinkFailure('unavailable', `the blob was replaced (${code})`);
    throw this.#receiver.failureOf(answer, code);
  }

  async #find(name: string, signal: AbortSignal): Promise<AppendPlace | undefined> {
    const answer = await this.#request({ method: 'HEAD', url: this.#url(name) }, signal);
    if (answer.status === 404 && codeOf(answer) === 'BlobNotFound') return undefined;
    if (!isSuccess(answer)) throw this.#receiver.failureOf(answer, codeOf(answer));
    return { name, size: Number(answer.headers['content-length'] ?? 0) };
  }

  async #create(name: string, signal: AbortSignal): Promise<AppendPlace> {
    const headers = {
      'x-ms-blob-type': 'AppendBlob',
      'x-ms-blob-content-type': 'application/x-ndjson',
      'if-none-match': '*',
    };
    const answer = await this.#request({ method: 'PUT', url: this.#url(name), headers }, signal);
    if (!isSuccess(answer)) throw this.#receiver.failureOf(answer, codeOf(answer));
    return { name, size: 0 };
  }

  async #request(message: HttpMessage, signal: AbortSignal): Promise<HttpAnswer> {
    const url = new URL(message.url);
    const headers: Record<string, string> = { ...message.headers, 'x-ms-version': API_VERSION };
    if (this.sas === undefined) headers.authorization = `Bearer ${await this.#token()}`;
    else {
      const signature = new URLSearchParams((await this.sas.value()).replace(/^\?/, ''));
      for (const [name, value] of signature) url.searchParams.set(name, value);
    }
    const answer = await this.#receiver.request({ ...message, url: url.href, headers }, signal);
    if (answer.status === 401 || answer.status === 403) await this.sas?.renew();
    if (isSuccess(answer) && answer.headers['x-ms-request-id'] === undefined)
      throw foreignAnswer(answer, 'Azure Blob Storage');
    return answer;
  }

  async #token(): Promise<string> {
    try {
      const token = await this.context.azure.getToken(SCOPE);
      if (token) return token.token;
    } catch (error) {
      throw new SinkFailure(
        'refused',
        `Entra issues no token for it: ${new AzureFault(error).message}`,
      );
    }
    throw new SinkFailure('refused', 'Entra issues no token for it');
  }

  #url(name: string, query: Readonly<Record<string, string>> = {}): string {
    const url = new URL(this.#base);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${name}`;
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url.href;
  }
}

function partName(name: string, part: number): string {
  return part === 1 ? `${name}.ndjson` : `${name}-${part}.ndjson`;
}

function nextPartName(name: string): string {
  const [, base = '', part = '1'] = /^(.*?)(?:-(\d+))?\.ndjson$/.exec(name) ?? [];
  return partName(base, Number(part) + 1);
}

/** The code of an error of the service, which is in a header too. */
function codeOf({ headers }: HttpAnswer): string {
  const code = headers['x-ms-error-code'];
  return typeof code === 'string' ? code : 'unknown';
}

function etagOf({ headers }: HttpAnswer): string {
  const { etag } = headers;
  return typeof etag === 'string' ? etag : '';
}
