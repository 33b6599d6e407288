import type { Route } from '../route.js';
import { AccessTokens } from './access-tokens.js';
import { tokenPreflight } from './cross-origin.js';
import { Grants } from './grants.js';
import { discoveryDocument, instanceDiscovery, keySet } from './metadata.js';
import { type MintRequest, mintToken } from './mint.js';
import { SignIn, signOut } from './sign-in.js';
import type { SigningKeys } from './signing-keys.js';
import { TokenEndpoint } from './token-endpoint.js';

/** The emulated Microsoft Entra ID: sign-in, tokens and metadata. */
export class Entra {
  readonly tokens: AccessTokens;
  readonly #endpoint: TokenEndpoint;
  readonly #signIn: SignIn;

  constructor(
    readonly keys: SigningKeys,
    private readonly url: () => string,
  ) {
    const grants = new Grants();
    this.tokens = new AccessTokens(keys, url);
    this.#endpoint = new TokenEndpoint(this.tokens, grants);
    this.#signIn = new SignIn(grants);
  }

  async mint(request: MintRequest): Promise<string> {
    return mintToken(request, this.tokens, this.keys);
  }

  /** @param endpointsUrl address of the server that serves them; the issuer is the same at each */
  routes(endpointsUrl: () => string): Route[] {
    return [
      {
        method: 'GET',
        path: /^\/common\/discovery\/instance$/,
        operation: 'instance',
        handle: () => instanceDiscovery(this.url()),
      },
      {
        method: 'GET',
        path: /^\/([^/]+)\/v2\.0\/\.well-known\/openid-configuration$/,
        operation: 'metadata',
        handle: ({ params: [tenant = ''] }) =>
          discoveryDocument(this.url(), tenant, '2.0', endpointsUrl()),
      },
      {
        method: 'GET',
        path: /^\/([^/]+)\/\.well-known\/openid-configuration$/,
        operation: 'metadata',
        handle: ({ params: [tenant = ''] }) =>
          discoveryDocument(this.url(), tenant, '1.0', endpointsUrl()),
      },
      {
        method: 'GET',
        path: /^\/([^/]+)\/discovery\/v2\.0\/keys$/,
        operation: 'keys',
        handle: ({ params: [tenant = ''] }) => keySet(this.url(), tenant, '2.0', this.keys),
      },
      {
        method: 'GET',
        path: /^\/([^/]+)\/discovery\/keys$/,
        operation: 'keys',
        handle: ({ params: [tenant = ''] }) => keySet(this.url(), tenant, '1.0', this.keys),
      },
      {
        method: 'POST',
        path: /^\/([^/]+)\/oauth2\/v2\.0\/token$/,
        operation: 'token',
        handle: (request) => this.#endpoint.handle(request, request.params[0] ?? '', '2.0'),
      },
      {
        method: 'POST',
        path: /^\/([^/]+)\/oauth2\/token$/,
        operation: 'token',
        handle: (request) => this.#endpoint.handle(request, request.params[0] ?? '', '1.0'),
      },
      {
        method: 'OPTIONS',
        path: /^\/[^/]+\/oauth2(?:\/v2\.0)?\/token$/,
        operation: 'preflight',
        handle: tokenPreflight,
      },
      {
        method: 'GET',
        path: /^\/([^/]+)\/oauth2(?:\/v2\.0)?\/logout$/,
        operation: 'logout',
        handle: (request) => signOut(request, request.params[0] ?? ''),
      },
      {
        method: 'GET',
        path: /^\/([^/]+)\/oauth2(?:\/v2\.0)?\/authorize$/,
        operation: 'authorize',
        handle: (request) => this.#signIn.show(request, request.params[0] ?? ''),
      },
      {
        method: 'POST',
        path: /^\/([^/]+)\/login$/,
        operation: 'login',
        handle: (request) => this.#signIn.choose(request, request.params[0] ?? ''),
      },
    ];
  }
}
