import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SignJWT } from 'jose';
import { type Configuration, type JWK, Provider } from 'oidc-provider';
import { Agent, type Dispatcher, request } from 'undici';

/** Of the resource servers: the last segment of a resource indicator says how its tokens are made. */
export const SIGNING_ALGORITHMS = ['ES256', 'PS256', 'EdDSA'] as const;
export type TokenForm = (typeof SIGNING_ALGORITHMS)[number] | 'opaque' | 'another-api';

export interface TokenResponse {
  readonly access_token: string;
  readonly id_token: string;
  readonly refresh_token: string;
  readonly token_type: string;
}

interface TlsOptions {
  readonly key: string;
  readonly certificate: string;
  readonly caPem: string;
}

interface TokenOptions {
  readonly form?: TokenForm;
  readonly scope?: string;
}

type Client = 'shop' | 'crm' | 'bank' | 'alice';

export const AUDIENCE = 'https://acs-identity.test';
const REDIRECT_URI = 'https://shop.test/callback';
const SECRET = 'a secret of a client in a test';
const API_SCOPES = 'CommunicationToken.Issue AuditLog.Read.All';

/** Further claims of their access tokens. */
const CLAIMS_OF_PEOPLE: Readonly<Record<string, Record<string, unknown>>> = {
  grace: { roles: ['AuditLog.Read.All'] },
  nora: { nonce: 'n-0S6_WzA2Mj' },
};

const ARTIFACTS = [
  ...['AccessToken', 'AuthorizationCode', 'ClientCredentials', 'Grant', 'IdToken'],
  ...['Interaction', 'RefreshToken', 'Session'],
];

/**
 * panva's `oidc-provider` on loopback over TLS, and the flows of its clients by HTTP: `shop` signs people
 * in, `crm` and `alice` are applications of their own, `bank` has tokens that are bound to its certificate.
 */
export class OpenIdProvider {
  readonly issuer: string;
  readonly #agent: Agent;
  #keys = signingKeys();
  #provider: Provider;

  private constructor(
    private readonly server: Server,
    tls: TlsOptions,
  ) {
    this.issuer = `https://localhost:${(server.address() as AddressInfo).port}`; // it listens
    const { caPem: ca, key, certificate: cert } = tls;
    this.#agent = new Agent({ connect: { ca, key, cert } });
    this.#provider = new Provider(this.issuer, configuration(this.#keys));
    server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
      void this.#provider.callback()(incoming, response);
    });
  }

  static async start(tls: TlsOptions): Promise<OpenIdProvider> {
    // Any certificate of a client is taken: tokens are bound to it, not trusted for it.
    const server = createServer({
      ...{ key: tls.key, cert: tls.certificate },
      ...{ requestCert: true, rejectUnauthorized: false },
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OpenIdProvider(server, tls);
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
    this.server.closeAllConnections();
    this.server.close();
  }

  /** New keys sign from now on. The old ones stay published, or are withdrawn. Sessions end. */
  rotateKeys({ withdrawsOld }: { withdrawsOld: boolean }): void {
    this.#keys = [...signingKeys(), ...(withdrawsOld ? [] : this.#keys)];
    this.#provider = new Provider(this.issuer, configuration(this.#keys));
  }

  /** Authorization code and PKCE: sign-in, consent, code, tokens. */
  async signIn(
    person: string,
    { form = 'ES256', scope = 'CommunicationToken.Issue' }: TokenOptions = {},
  ): Promise<TokenResponse> {
    const verifier = randomBytes(32).toString('base64url');
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const query = new URLSearchParams({
      ...{
        client_id: 'shop',
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        prompt: 'consent',
      },
      ...{ scope: `openid offline_access ${scope}`, resource: resourceOf(form), state: 'state' },
      ...{ nonce: 'nonce', code_challenge: challenge, code_challenge_method: 'S256' },
    });
    const code = await this.#codeFor(person, `${this.issuer}/auth?${query.toString()}`);
    return this.#token('shop', {
      ...{ grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI },
      code_verifier: verifier,
    });
  }

  async refresh(refreshToken: string): Promise<TokenResponse> {
    return this.#token('shop', { grant_type: 'refresh_token', refresh_token: refreshToken });
  }

  /** @param isDpopBound whether the client proves the possession of a key (RFC 9449) */
  async clientCredentials(
    client: Exclude<Client, 'shop'>,
    { form = 'ES256', scope = 'CommunicationToken.Issue' }: TokenOptions = {},
    { isDpopBound = false } = {},
  ): Promise<TokenResponse> {
    const parameters = { grant_type: 'client_credentials', scope, resource: resourceOf(form) };
    const headers = isDpopBound ? { dpop: await dpopProof(`${this.issuer}/token`) } : {};
    return this.#token(client, parameters, headers);
  }

  async #token(
    client: Client,
    parameters: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<TokenResponse> {
    const secret = client === 'shop' ? {} : { client_secret: SECRET };
    const { statusCode, body } = await this.#send('POST', `${this.issuer}/token`, {
      form: { client_id: client, ...secret, ...parameters },
      headers,
    });
    const answer = await body.json();
    if (statusCode !== 200) throw new Error(`${statusCode}: ${JSON.stringify(answer)}`);
    return answer as TokenResponse; // RFC 6749, section 5.1
  }

  /** Follows redirects and answers the pages for sign-in and consent, as a browser does. */
  async #codeFor(person: string, authorizationUrl: string): Promise<string> {
    const cookies = new Map<string, string>();
    let url = authorizationUrl;
    let form: Record<string, string> | undefined;
    for (let step = 0; step < 12; step += 1) {
      const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
      const { headers, body } = await this.#send(form ? 'POST' : 'GET', url, {
        headers: { cookie },
        ...(form && { form }),
      });
      for (const set of [headers['set-cookie'] ?? []].flat()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
        cookies.set(name, value);
      }
      const page = await body.text();
      const location = headers.location?.toString();
      if (location?.startsWith(REDIRECT_URI) === true) return codeIn(location);
      const [, action] = /action="([^"]+)"/.exec(page) ?? [];
      const [, prompt = ''] = /name="prompt" value="(\w+)"/.exec(page) ?? [];
      form = location === undefined ? { prompt, login: person, password: 'any' } : undefined;
      const next = location ?? action;
      if (next === undefined) throw new Error(`neither a redirect nor a form: ${page}`);
      url = new URL(next, this.issuer).href;
    }
    throw new Error('the sign-in does not end');
  }

  async #send(
    method: 'GET' | 'POST',
    url: string,
    options: { form?: Record<string, string>; headers?: Record<string, string> },
  ): Promise<Dispatcher.ResponseData> {
    return request(url, {
      ...{ method, dispatcher: this.#agent },
      headers: {
        ...options.headers,
        ...(options.form && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(options.form && { body: new URLSearchParams(options.form).toString() }),
    });
  }
}

function codeIn(location: string): string {
  const { searchParams } = new URL(location);
  const code = searchParams.get('code');
  if (code === null) throw new Error(`refused: ${searchParams.toString()}`);
  return code;
}

function resourceOf(form: TokenForm): string {
  return `${AUDIENCE}/${form}`;
}

/** A proof of a new key (RFC 9449, section 4.2). */
async function dpopProof(url: string): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new SignJWT({ htm: 'POST', htu: url, jti: randomUUID() })
    .setProtectedHeader({
      ...{ typ: 'dpop+jwt', alg: 'ES256' },
      jwk: publicKey.export({ format: 'jwk' }),
    })
    .setIssuedAt()
    .sign(privateKey);
}

/** One key for each algorithm. None of them is for RS256. */
function signingKeys(): JWK[] {
  const pairs = {
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    PS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    EdDSA: generateKeyPairSync('ed25519'),
  };
  return Object.entries(pairs).map(([alg, { privateKey }]) => ({
    ...privateKey.export({ format: 'jwk' }),
    ...{ alg, kid: randomUUID(), use: 'sig' },
  }));
}

function configuration(keys: JWK[]): Configuration {
  const application = {
    ...{ client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' as const },
    ...{ grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
  };
  return {
    jwks: { keys },
    cookies: { keys: ['a key of a test'] },
    ttl: Object.fromEntries(ARTIFACTS.map((artifact) => [artifact, 3600])),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clients: [
      {
        ...{ client_id: 'shop', token_endpoint_auth_method: 'none', redirect_uris: [REDIRECT_URI] },
        grant_types: ['authorization_code', 'refresh_token'],
      },
      { client_id: 'crm', ...application },
      // The name of a person, too.
      { client_id: 'alice', ...application },
      { client_id: 'bank', ...application, tls_client_certificate_bound_access_tokens: true },
    ],
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    extraTokenClaims: (_context, token) =>
      ('accountId' in token ? CLAIMS_OF_PEOPLE[token.accountId] : undefined) ?? {},
    features: {
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: ({ socket }) =>
          (socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.toString() : undefined) ??
          '',
      },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, indicator) => {
          const form = indicator.split('/').at(-1) ?? '';
          const alg = SIGNING_ALGORITHMS.find((algorithm) => algorithm === form) ?? 'ES256';
          return {
            scope: API_SCOPES,
            audience: form === 'another-api' ? 'https://another.test' : AUDIENCE,
            accessTokenFormat: form === 'opaque' ? ('opaque' as const) : ('jwt' as const),
            jwt: { sign: { alg } },
          };
        },
      },
    },
  };
}
