import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { z } from 'zod';
import { createRsaKey } from '../keys.js';
import type { StateFolder } from '../state-folder.js';
import type { AcsAssignments } from './assignments.js';
import type { AcsIdentities } from './identities.js';
import type { AcsResource } from './resource.js';

/** An access token as ACS returns it. */
export interface AcsToken {
  readonly token: string;
  /** ISO 8601 with seven fraction digits and an offset, as in ACS. */
  readonly expiresOn: string;
}

/** The validity of an ACS access token: the response of `POST /control/acs/validate`. */
export interface AcsTokenState {
  readonly valid: boolean;
  readonly reason?: 'malformed' | 'expired' | 'identity-deleted' | 'revoked' | 'key-regenerated';
  readonly communicationUserId?: string;
  readonly scopes?: readonly string[];
  readonly resourceId?: string;
  readonly expiresAt?: string;
}

const FILE = 'acs-signing-key.json';
const storedKey = z.strictObject({ privateKey: z.string() });
const claimsSchema = z.object({
  skypeid: z.string(),
  exp: z.int(),
  iat: z.int(),
  acsScope: z.string(),
  resourceId: z.string(),
});

/** Issues and validates ACS access tokens. */
export class AcsTokens {
  readonly #publicKey: KeyObject;
  readonly #encodedHeader: string;

  private constructor(
    private readonly privateKey: KeyObject,
    private readonly identities: AcsIdentities,
    private readonly assignments: AcsAssignments,
  ) {
    this.#publicKey = createPublicKey(privateKey);
    const thumbprint = createHash('sha1')
      .update(this.#publicKey.export({ type: 'spki', format: 'der' }))
      .digest();
    this.#encodedHeader = encodePart({
      alg: 'RS256',
      kid: thumbprint.toString('hex').toUpperCase(),
      x5t: thumbprint.toString('base64url'),
      typ: 'JWT',
    });
  }

  /**
   * @param newKey the private key when none is stored; or the size of one to create, 2048 bits or, to
   *   save CPU in load tests, 1024
   */
  static async load(
    identities: AcsIdentities,
    assignments: AcsAssignments,
    folder: StateFolder | undefined,
    newKey: KeyObject | 1024 | 2048,
  ): Promise<AcsTokens> {
    const stored = folder?.readJson(FILE, storedKey);
    if (stored !== undefined)
      return new AcsTokens(createPrivateKey(stored.privateKey), identities, assignments);
    const privateKey = typeof newKey === 'number' ? await createRsaKey(newKey) : newKey;
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    folder?.write(FILE, JSON.stringify({ privateKey: pem }));
    return new AcsTokens(privateKey, identities, assignments);
  }

  /** @param credential the caller's credential: regenerating its key invalidates the token. */
  issueForUser(request: {
    readonly id: string;
    readonly resource: AcsResource;
    readonly credential: string;
    readonly scopes: readonly string[];
    readonly lifetimeMinutes: number;
  }): AcsToken {
    const iat = this.identities.issuedAt(request.id, request.credential);
    const exp = iat + request.lifetimeMinutes * 60;
    return this.#sign(exp, {
      skypeid: request.id.slice(2),
      scp: 1792,
      csi: String(iat),
      exp,
      rgn: 'amer',
      acsScope: request.scopes.join(','),
      resourceId: request.resource.id,
      resourceLocation: 'unitedstates',
      iat,
    });
  }

  issueForTeamsUser(
    resource: AcsResource,
    entra: { readonly oid: string; readonly tid: string; readonly appid: string } & Record<
      'iat' | 'uti',
      unknown
    >,
  ): AcsToken {
    const iat = Math.floor(Date.now() / 1000);
    const exp = iat + 75 * 60;
    return this.#sign(exp, {
      skypeid: `orgid:${entra.oid}`,
      scp: 1024,
      csi: String(iat),
      exp,
      rgn: 'amer',
      tid: entra.tid,
      aad_iat: String(entra.iat),
      aad_uti: entra.uti,
      aad_appid: entra.appid,
      acsScope: 'voip,chat',
      resourceId: resource.id,
      resourceLocation: 'unitedstates',
      iat,
    });
  }

  /** A token for a user of Teams Phone extensibility, or for an Entra user directly. */
  issueForEntraUser(request: {
    readonly id: string;
    readonly resource: AcsResource;
    readonly iat: number;
    readonly exp: number;
  }): AcsToken {
    const { id, resource, iat, exp } = request;
    return this.#sign(exp, {
      skypeid: id.slice(2),
      scp: 1792,
      csi: String(iat),
      exp,
      rgn: 'amer',
      acsScope: 'voip',
      resourceId: resource.id,
      resourceLocation: 'unitedstates',
      iat,
    });
  }

  validate(token: string, resources: readonly AcsResource[]): AcsTokenState {
    const claims = this.#verifiedClaims(token);
    if (claims === undefined) return { valid: false, reason: 'malformed' };
    const id = `8:${claims.skypeid}`;
    const facts = {
      communicationUserId: id,
      scopes: claims.acsScope.split(',').filter((scope) => scope !== ''),
      resourceId: claims.resourceId,
      expiresAt: new Date(claims.exp * 1000).toISOString(),
    };
    const reason = this.#reasonInvalid(id, claims, resources);
    return reason === undefined ? { valid: true, ...facts } : { valid: false, reason, ...facts };
  }

  #reasonInvalid(
    id: string,
    claims: z.output<typeof claimsSchema>,
    resources: readonly AcsResource[],
  ): AcsTokenState['reason'] {
    if (claims.exp <= Date.now() / 1000) return 'expired';
    if (!id.startsWith('8:acs:')) return undefined;
    const [, tenantId = '', objectId, more] = id.split('_');
    if (more !== undefined) return undefined; // an Entra user, who has no assignment here
    if (objectId !== undefined) {
      const owner = resources.find((known) => known.id === claims.resourceId)?.name ?? '';
      const isLive = this.assignments.isLive({ resource: owner, tenantId, objectId }, claims.iat);
      return isLive ? undefined : 'revoked';
    }
    const identity = this.identities.find(id);
    if (identity === undefined) return 'identity-deleted';
    if (claims.iat <= identity.revokedThrough) return 'revoked';
    const credential = this.identities.credentialAt(id, claims.iat);
    const resource = resources.find((known) => known.id === claims.resourceId);
    const isLive = credential === undefined || resource?.isCurrent(credential) === true;
    return isLive ? undefined : 'key-regenerated';
  }

  #sign(exp: number, claims: object): AcsToken {
    const input = `${this.#encodedHeader}.${encodePart(claims)}`;
    const signature = sign('sha256', Buffer.from(input), this.privateKey).toString('base64url');
    return { token: `${input}.${signature}`, expiresOn: toExpiresOn(exp) };
  }

  #verifiedClaims(token: string): z.output<typeof claimsSchema> | undefined {
    const parts = token.split('.');
    const [header, payload, signature] = parts;
    if (parts.length !== 3 || header !== this.#encodedHeader) return undefined;
    const input = Buffer.from(`${header}.${payload ?? ''}`);
    const given = Buffer.from(signature ?? '', 'base64url');
    if (!verify('sha256', input, this.#publicKey, given)) return undefined;
    return claimsSchema.parse(JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()));
  }
}

function encodePart(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** Adds a random fraction of a second, as ACS does. */
function toExpiresOn(exp: number): string {
  const fraction = Math.floor(Math.random() * 10_000_000);
  const seconds = new Date(exp * 1000).toISOString().slice(0, 19);
  return `${seconds}.${fraction.toString().padStart(7, '0')}+00:00`;
}
