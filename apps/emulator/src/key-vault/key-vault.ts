import { z } from 'zod';
import type { AccessTokens } from '../entra/access-tokens.js';
import {
  type SampleApp,
  SAMPLE_APPS,
  SAMPLE_RESOURCES,
  SAMPLE_TENANTS,
} from '../fixtures/seed-directory.js';
import { azureError, HttpError } from '../http-error.js';
import type { Route, ServiceReply, ServiceRequest } from '../route.js';
import { SlidingWindow } from '../sliding-window.js';
import type { SecretChange, SecretVersion, VaultSecrets } from './secrets.js';

const attributesSchema = z.object({
  enabled: z.boolean().optional(),
  nbf: z.int().optional(),
  exp: z.int().optional(),
});
const changeSchema = z.object({
  contentType: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  attributes: attributesSchema.optional(),
});
const setSchema = changeSchema.extend({ value: z.string().max(25_600) });

/** The collaborators of `KeyVault`. */
export interface KeyVaultDependencies {
  readonly secrets: VaultSecrets;
  readonly tokens: AccessTokens;
  readonly url: () => string;
  readonly authorityUrl: () => string;
}

/** The emulated Key Vault: the secrets operations of its REST API. */
export class KeyVault {
  #limit = documentedLimit();

  constructor(private readonly given: KeyVaultDependencies) {}

  changeLimit(transactions: number, windowSeconds: number): void {
    this.#limit = new SlidingWindow(transactions, windowSeconds * 1000);
  }

  resetLimit(): void {
    this.#limit = documentedLimit();
  }

  routes(): Route[] {
    return [
      this.#route('GET', /^\/secrets\/([^/]+)\/versions\/?$/, 'list-versions', (request) =>
        this.#listVersions(request),
      ),
      this.#route('GET', /^\/secrets\/([^/]+)(?:\/([^/]*))?\/?$/, 'get-secret', (request) =>
        this.#get(request),
      ),
      this.#route('PUT', /^\/secrets\/([^/]+)\/?$/, 'set-secret', (request) => this.#set(request)),
      this.#route('PATCH', /^\/secrets\/([^/]+)\/([^/]+)\/?$/, 'update-secret', (request) =>
        this.#update(request),
      ),
    ];
  }

  static headersFor(request: ServiceRequest): Record<string, string> {
    return {
      'cache-control': 'no-cache',
      'x-ms-keyvault-region': 'emulator',
      'x-ms-keyvault-service-version': '1.9.0',
      'x-ms-request-id': request.requestId,
    };
  }

  #route(
    method: string,
    path: RegExp,
    operation: string,
    handle: (request: ServiceRequest) => ServiceReply,
  ): Route {
    return {
      method,
      path,
      operation,
      handle: (request) => {
        this.#authenticate(request);
        if (this.#limit.tryPass(performance.now()) > 0) throw throttled();
        if (!request.query.has('api-version')) {
          throw httpError(400, 'BadParameter', 'The request URI contains an invalid api-version.');
        }
        return handle(request);
      },
    };
  }

  #get(request: ServiceRequest): ServiceReply {
    const [name = '', version = ''] = request.params;
    const secret = this.#existing(name, version === '' ? undefined : version);
    if (!secret.enabled) {
      throw httpError(403, 'Forbidden', 'Operation get is not allowed on a disabled secret.', {
        code: 'SecretDisabled',
      });
    }
    return { status: 200, body: { value: secret.value, ...this.#describe(name, secret) } };
  }

  #listVersions(request: ServiceRequest): ServiceReply {
    const name = request.params[0] ?? '';
    this.#existing(name);
    const value = this.given.secrets.versions(name).map((secret) => this.#describe(name, secret));
    return { status: 200, body: { value, nextLink: null } };
  }

  #set(request: ServiceRequest): ServiceReply {
    const name = request.params[0] ?? '';
    if (!/^[0-9a-zA-Z-]{1,127}$/.test(name)) {
      throw httpError(400, 'BadParameter', `The request URI contains an invalid name: ${name}`);
    }
    const body = readJson(request, setSchema);
    const secret = this.given.secrets.set(name, { value: body.value, ...toChange(body) });
    return { status: 200, body: { value: secret.value, ...this.#describe(name, secret) } };
  }

  #update(request: ServiceRequest): ServiceReply {
    const [name = '', version = ''] = request.params;
    this.#existing(name, version);
    const body = readJson(request, changeSchema);
    const secret = this.given.secrets.change(name, version, toChange(body));
    return { status: 200, body: secret === undefined ? {} : this.#describe(name, secret) };
  }

  #existing(name: string, version?: string): SecretVersion {
    const secret = this.given.secrets.find(name, version);
    if (secret !== undefined) return secret;
    throw httpError(
      404,
      'SecretNotFound',
      `A secret with (name/id) ${version === undefined ? name : `${name}/${version}`} was not ` +
        'found in this key vault. If you recently deleted this secret you may be able to recover ' +
        'it using the correct recovery command. For help resolving this issue, please see ' +
        'https://go.microsoft.com/fwlink/?linkid=2125182',
    );
  }

  #describe(name: string, secret: SecretVersion): object {
    return {
      id: `${this.given.url()}/secrets/${name}/${secret.version}`,
      ...(secret.contentType === undefined ? {} : { contentType: secret.contentType }),
      attributes: {
        enabled: secret.enabled,
        ...(secret.notBefore === undefined ? {} : { nbf: secret.notBefore }),
        ...(secret.expires === undefined ? {} : { exp: secret.expires }),
        created: secret.created,
        updated: secret.updated,
        recoveryLevel: 'Recoverable+Purgeable',
        recoverableDays: 90,
      },
      tags: secret.tags ?? {},
    };
  }

  /** The SDK's first call has no token: it reads the authority from the challenge. */
  #authenticate(request: ServiceRequest): void {
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) {
      throw this.#challenge('AKV10000: Request is missing a Bearer or PoP token.');
    }
    const claims = this.given.tokens.verify(token, SAMPLE_RESOURCES['key-vault']);
    if (claims === undefined) throw this.#challenge('AKV10032: Invalid issuer, audience or time.');
    const app = Object.values<SampleApp>(SAMPLE_APPS).find(
      ({ objectId }) => objectId === claims.oid,
    );
    request.caller = String(claims.oid);
    if (app?.hasAzureRoles === true && claims.tid === SAMPLE_TENANTS.home.id) return;
    throw httpError(403, 'Forbidden', 'Caller is not authorized to perform action on resource.', {
      code: 'ForbiddenByRbac',
    });
  }

  #challenge(message: string): HttpError {
    const authority = `${this.given.authorityUrl()}/${SAMPLE_TENANTS.home.id}`;
    const challenge = `Bearer authorization="${authority}", resource="https://vault.azure.net"`;
    return new HttpError({
      status: 401,
      headers: { 'www-authenticate': challenge },
      body: azureError('Unauthorized', message),
    });
  }
}

/** The documented limit: 4,000 transactions in 10 seconds. */
function documentedLimit(): SlidingWindow {
  return new SlidingWindow(4000, 10_000);
}

function toChange(body: z.output<typeof changeSchema>): SecretChange {
  const { enabled, nbf, exp } = body.attributes ?? {};
  return {
    ...(body.contentType === undefined ? {} : { contentType: body.contentType }),
    ...(body.tags === undefined ? {} : { tags: body.tags }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(nbf === undefined ? {} : { notBefore: nbf }),
    ...(exp === undefined ? {} : { expires: exp }),
  };
}

function readJson<Schema extends z.ZodType>(
  request: ServiceRequest,
  schema: Schema,
): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(request.body.toString()));
  } catch {
    throw httpError(400, 'BadParameter', 'The request body is not valid.');
  }
}

function throttled(): HttpError {
  return new HttpError({
    status: 429,
    headers: { 'retry-after': '1' },
    body: azureError(
      'Throttled',
      'Request was not processed because too many requests were received.',
    ),
  });
}

function httpError(status: number, code: string, message: string, innererror?: object): HttpError {
  const error = { code, message, ...(innererror === undefined ? {} : { innererror }) };
  return new HttpError({ status, body: { error } });
}
