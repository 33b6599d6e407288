/**
 * Everything that touches `passport-azure-ad`, which verifies tokens of the `ENTRA_*` settings under
 * `@nestjs/passport`. docs/decisions/0001-passport-azure-ad.md has the reasons and the way off.
 *
 * - The package runs the attempt: it reads the bearer token, requires metadata, and reports success
 *   or failure.
 * - Replaced here: `loadMetadata`, because the package's own has no deadline, ends the process on
 *   malformed JSON and never reloads keys for an unknown key id (`JwksCache` loads them instead);
 *   `jwtVerify`, because the package's own selects the key by `x5t` before `kid` and repeats checks.
 * - Done before, by `EntraTokenVerifier`: every check of header and claims.
 */
import { verify } from 'node:crypto';
import { PassportStrategy } from '@nestjs/passport';
import BearerStrategy from 'passport-azure-ad/lib/bearerstrategy.js';
import { TokenRejected } from '../../errors.js';
import type { IssuerKey } from '../../keys/jwks-cache.js';
import type { SignatureVerifier } from '../../keys/signature-verifier.js';
import type { EntraSettings } from '../../settings/entra-settings.js';

type Result = 'pending' | 'valid' | 'invalid';

/** `passport-azure-ad`'s `BearerStrategy` as a signature verifier. */
export class EntraBearerStrategy
  extends PassportStrategy(BearerStrategy, 'entra-bearer')
  implements SignatureVerifier
{
  #key: IssuerKey | undefined;
  #result: Result = 'pending';

  constructor({ authority, tenants, audiences }: EntraSettings) {
    super({
      // Required by the package. It is never loaded.
      identityMetadata: `${authority}/${tenants[0] ?? ''}/v2.0/.well-known/openid-configuration`,
      clientID: audiences[0] ?? '',
      audience: [...audiences],
      loggingLevel: 'error',
      loggingNoPII: true,
      passReqToCallback: false,
    });
  }

  /**
   * @param token compact serialization; the package gets no other part of the request
   * @throws TokenRejected
   */
  // oxlint-disable-next-line typescript/require-await -- async makes throws rejections; returning a promise would add three microtasks to each request
  async verify(token: string, key: IssuerKey): Promise<void> {
    if (this.#authenticateToken(token, key) !== 'valid') throw new TokenRejected('signature');
  }

  /** Synchronous from start to end, so that concurrent attempts can't share `#key` and `#result`. */
  #authenticateToken(token: string, key: IssuerKey): Result {
    this.#key = key;
    this.#result = 'pending';
    this.authenticate({ headers: { authorization: `Bearer ${token}` } });
    this.#key = undefined;
    return this.#result;
  }

  override loadMetadata(
    _parameters: unknown,
    next: (error: null, metadata: { oidc: { issuer: string; algorithms: string[] } }) => unknown,
  ): unknown {
    return next(null, { oidc: { issuer: this.#key?.issuer ?? '', algorithms: ['RS256'] } });
  }

  override jwtVerify(_request: unknown, token: string): void {
    if (this.#key === undefined) throw new Error('no attempt is in progress');
    const end = token.lastIndexOf('.');
    const signed = Buffer.from(token.slice(0, end), 'latin1');
    const signature = Buffer.from(token.slice(end + 1), 'base64url');
    if (verify('sha256', signed, this.#key.key.publicKey, signature)) this.success();
    else this.fail();
  }

  override success(): void {
    this.#result = 'valid';
  }

  override fail(): void {
    this.#result = 'invalid';
  }

  override error(error: unknown): void {
    this.#result = 'invalid';
    throw error;
  }

  /** Maps the claims to a user; `EntraTokenVerifier` has done that. */
  override validate(): true {
    return true;
  }
}
