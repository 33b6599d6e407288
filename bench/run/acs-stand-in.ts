import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AcsTokens } from '../../apps/emulator/src/acs/acs-tokens.js';
import { AcsAssignments } from '../../apps/emulator/src/acs/assignments.js';
import { AcsIdentities } from '../../apps/emulator/src/acs/identities.js';
import { AcsResource } from '../../apps/emulator/src/acs/resource.js';
import { StateFolder } from '../../apps/emulator/src/state-folder.js';
import { serverIdentity } from '../../apps/emulator/src/tls/local-ca.js';

const ISSUE = /^\/identities\/([^/]+)\/:issueAccessToken/;
const TOKEN_LIFETIME_MINUTES = 1_440;

/** An identity with the JSON of its access token. */
interface Stock {
  readonly id: string;
  readonly accessToken: string;
}

/**
 * ACS with as little cost as possible: it checks nothing, and each identity has one token, which was
 * signed before it is requested. The emulator, whose tests compare contenders, checks every call.
 */
export class AcsStandIn {
  /** Milliseconds until each answer. */
  latencyMs = 0;
  readonly #stock: Stock[] = [];
  readonly #tokens = new Map<string, string>();

  private constructor(
    private readonly server: Server,
    private readonly sign: () => Stock,
    private readonly accessKey: string,
  ) {
    server.on('request', (request, response) => {
      this.#receive(request, response);
    });
  }

  /**
   * Starts on a free port, with a certificate of the authority of the emulator's folder.
   *
   * @param resourceId of the identities
   */
  static async start(directory: string, resourceId: string): Promise<AcsStandIn> {
    const { key, certificate } = await serverIdentity(new StateFolder(directory), []);
    const server = createServer({ key, cert: certificate, keepAliveTimeout: 65_000 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const resource = new AcsResource('main', resourceId, undefined);
    const identities = new AcsIdentities(undefined);
    const tokens = await AcsTokens.load(identities, new AcsAssignments(undefined), undefined, 2048);
    const sign = (): Stock => {
      const { id } = identities.create(resource);
      const accessToken = tokens.issueForUser({
        ...{ id, resource, credential: '', scopes: ['chat', 'voip'] },
        lifetimeMinutes: TOKEN_LIFETIME_MINUTES,
      });
      return { id, accessToken: JSON.stringify(accessToken) };
    };
    return new AcsStandIn(server, sign, resource.accessKey());
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`; // it listens on TCP
  }

  get connectionString(): string {
    return `endpoint=${this.url}/;accesskey=${this.accessKey}`;
  }

  /** Signs tokens of identities that are yet to be created. */
  prepare(count: number): void {
    while (this.#stock.length < count) this.#stock.push(this.sign());
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => {
      const answer = (): void => {
        this.#answer(request, Buffer.concat(chunks), response);
      };
      if (this.latencyMs > 0) setTimeout(answer, this.latencyMs);
      else answer();
    });
  }

  #answer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const id = ISSUE.exec(request.url ?? '')?.[1];
    const text = id === undefined ? this.#create(body) : this.#tokens.get(decodeURIComponent(id));
    const requestId = request.headers['x-ms-client-request-id'];
    response.writeHead(text === undefined ? 404 : id === undefined ? 201 : 200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text ?? ''),
      'ms-cv': `${randomBytes(16).toString('base64').slice(0, 22)}.0`,
      ...(requestId === undefined ? {} : { 'x-ms-client-request-id': requestId }),
    });
    response.end(text);
  }

  #create(body: Buffer): string {
    const { id, accessToken } = this.#stock.pop() ?? this.sign();
    this.#tokens.set(id, accessToken);
    const token = body.includes('createTokenWithScopes') ? `,"accessToken":${accessToken}` : '';
    return `{"identity":{"id":"${id}"}${token}}`;
  }
}
