import type { AccessTokens } from '../entra/access-tokens.js';
import { findAppByObjectId } from '../entra/directory.js';
import { SAMPLE_RESOURCES, SAMPLE_TENANTS } from '../fixtures/seed-directory.js';
import { azureError, HttpError } from '../http-error.js';
import { type Route, routesBehind, type ServiceReply, type ServiceRequest } from '../route.js';
import { SlidingWindow } from '../sliding-window.js';
import {
  changeSchema,
  httpError,
  pageOf,
  readJson,
  restoreSchema,
  setSchema,
  throttled,
  toChange,
} from './requests.js';
import {
  type DeletedSecret,
  parseBackup,
  type SecretVersion,
  type StoredSecret,
  toBackup,
  type VaultSecrets,
} from './secrets.js';

const RECOVERABLE_DAYS = 90;

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
  readonly #route = routesBehind((request) => {
    this.#authenticate(request);
    if (this.#limit.tryPass(performance.now()) > 0) throw throttled();
    if (!request.query.has('api-version')) {
      throw httpError(400, 'BadParameter', 'The request URI contains an invalid api-version.');
    }
  });

  constructor(private readonly given: KeyVaultDependencies) {}

  changeLimit(transactions: number, windowSeconds: number): void {
    this.#limit = new SlidingWindow(transactions, windowSeconds * 1000);
  }

  resetLimit(): void {
    this.#limit = documentedLimit();
  }

  routes(): Route[] {
    return [
      this.#route('GET', /^\/secrets\/?$/, 'list-secrets', (request) => this.#list(request)),
      this.#route('GET', /^\/secrets\/([^/]+)\/versions\/?$/, 'list-versions', (request) =>
        this.#listVersions(request),
      ),
      this.#route('GET', /^\/secrets\/([^/]+)(?:\/([^/]*))?\/?$/, 'get-secret', (request) =>
        this.#get(request),
      ),
      this.#route('PUT', /^\/secrets\/([^/]+)\/?$/, 'set-secret', (request) => this.#set(request)),
      this.#route('PATCH', /^\/secrets\/([^/]+)(?:\/([^/]*))?\/?$/, 'update-secret', (request) =>
        this.#update(request),
      ),
      this.#route('DELETE', /^\/secrets\/([^/]+)\/?$/, 'delete-secret', (request) =>
        this.#delete(request),
      ),
      this.#route('POST', /^\/secrets\/restore\/?$/, 'restore-secret', (request) =>
        this.#restore(request),
      ),
      this.#route('POST', /^\/secrets\/([^/]+)\/backup\/?$/, 'backup-secret', (request) => ({
        status: 200,
        body: { value: toBackup(this.#secret(request)) },
      })),
      this.#route('GET', /^\/deletedsecrets\/?$/, 'list-deleted-secrets', (request) => {
        const items = this.given.secrets.deleted().map((secret) => this.#describeDeleted(secret));
        return { status: 200, body: pageOf(request, `${this.given.url()}/deletedsecrets`, items) };
      }),
      this.#route('GET', /^\/deletedsecrets\/([^/]+)\/?$/, 'get-deleted-secret', (request) => ({
        status: 200,
        body: this.#describeDeleted(this.#deleted(request)),
      })),
      this.#route('POST', /^\/deletedsecrets\/([^/]+)\/recover\/?$/, 'recover-secret', (request) =>
        this.#restored(this.#deleted(request)),
      ),
      this.#route('DELETE', /^\/deletedsecrets\/([^/]+)\/?$/, 'purge-secret', (request) => {
        this.given.secrets.purge(this.#deleted(request).name);
        return { status: 204 };
      }),
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

  /** Also of disabled and expired secrets; without values. */
  #list(request: ServiceRequest): ServiceReply {
    const items = this.given.secrets.all().flatMap(({ name, versions }) => {
      const newest = versions.at(-1);
      const id = `${this.given.url()}/secrets/${name}`;
      return newest === undefined ? [] : [{ ...this.#describe(name, newest), id }];
    });
    return { status: 200, body: pageOf(request, `${this.given.url()}/secrets`, items) };
  }

  /** An unknown name has no versions. */
  #listVersions(request: ServiceRequest): ServiceReply {
    const name = request.params[0] ?? '';
    const items = this.given.secrets.versions(name).map((secret) => this.#describe(name, secret));
    const url = `${this.given.url()}/secrets/${name}/versions`;
    return { status: 200, body: pageOf(request, url, items) };
  }

  #set(request: ServiceRequest): ServiceReply {
    const name = request.params[0] ?? '';
    if (!/^[0-9a-zA-Z-]{1,127}$/.test(name)) {
      throw httpError(400, 'BadParameter', `The request URI contains an invalid name: ${name}`);
    }
    this.#assertNotDeleted(name);
    const body = readJson(request, setSchema);
    const secret = this.given.secrets.set(name, { value: body.value, ...toChange(body) });
    return { status: 200, body: { value: secret.value, ...this.#describe(name, secret) } };
  }

  #update(request: ServiceRequest): ServiceReply {
    const [name = '', given = ''] = request.params;
    const { version } = this.#existing(name, given === '' ? undefined : given);
    const body = readJson(request, changeSchema);
    const secret = this.given.secrets.change(name, version, toChange(body));
    return { status: 200, body: secret === undefined ? {} : this.#describe(name, secret) };
  }

  #delete(request: ServiceRequest): ServiceReply {
    const deleted = this.given.secrets.delete(this.#secret(request).name);
    return { status: 200, body: deleted === undefined ? {} : this.#describeDeleted(deleted) };
  }

  #restore(request: ServiceRequest): ServiceReply {
    const secret = parseBackup(readJson(request, restoreSchema).value);
    if (secret === undefined) {
      throw httpError(400, 'BadParameter', 'The backup blob is corrupted or of another vault.');
    }
    if (this.given.secrets.get(secret.name) !== undefined) {
      const message = `There was a conflict restoring the secret '${secret.name}': it exists.`;
      throw httpError(409, 'Conflict', message);
    }
    this.#assertNotDeleted(secret.name);
    return this.#restored(secret);
  }

  #restored(secret: StoredSecret): ServiceReply {
    this.given.secrets.restore(secret);
    const { name } = secret;
    return { status: 200, body: this.#describe(name, this.#existing(name)) };
  }

  #assertNotDeleted(name: string): void {
    if (this.given.secrets.findDeleted(name) === undefined) return;
    throw httpError(
      409,
      'Conflict',
      `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be ` +
        'reused; in this state, the secret can only be recovered or purged.',
      { code: 'ObjectIsDeletedButRecoverable' },
    );
  }

  #secret(request: ServiceRequest): StoredSecret {
    const name = request.params[0] ?? '';
    return this.given.secrets.get(name) ?? { name, versions: [this.#existing(name)] };
  }

  #deleted(request: ServiceRequest): DeletedSecret {
    const name = request.params[0] ?? '';
    const deleted = this.given.secrets.findDeleted(name);
    if (deleted !== undefined) return deleted;
    throw httpError(404, 'SecretNotFound', `Deleted Secret not found: ${name}`);
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

  #describeDeleted({ name, versions, deletedAt }: DeletedSecret): object {
    const newest = versions.at(-1);
    return {
      recoveryId: `${this.given.url()}/deletedsecrets/${name}`,
      deletedDate: deletedAt,
      scheduledPurgeDate: deletedAt + RECOVERABLE_DAYS * 24 * 60 * 60,
      ...(newest !== undefined && this.#describe(name, newest)),
    };
  }

  #describe(name: string, secret: SecretVersion): object {
    const stored = this.given.secrets.get(name)?.name ?? name;
    return {
      id: `${this.given.url()}/secrets/${stored}/${secret.version}`,
      ...(secret.contentType === undefined ? {} : { contentType: secret.contentType }),
      attributes: {
        enabled: secret.enabled,
        ...(secret.notBefore === undefined ? {} : { nbf: secret.notBefore }),
        ...(secret.expires === undefined ? {} : { exp: secret.expires }),
        created: secret.created,
        updated: secret.updated,
        recoveryLevel: 'Recoverable+Purgeable',
        recoverableDays: RECOVERABLE_DAYS,
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
    const app = findAppByObjectId(claims.oid);
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
