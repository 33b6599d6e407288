import { createVerify } from 'node:crypto';
import { PassportStrategy } from '@nestjs/passport';
import BearerStrategy from 'passport-azure-ad/lib/bearerstrategy.js';
import type { EntraSettings } from '../../settings.js';
import type { IssuerKey } from '../../keys/jwks-cache.js';
import { TokenRejected } from '../../bearer/token-refused.js';
import type { SignatureVerifier } from '../../keys/signature-verifier.js';

type AppendResult = 'open' | 'good' | 'bad';

/**
 * `passport-azure-ad`'s strategy, cut off from its loading of metadata: issuer and key come from
 * the caller, who has checked issuer, audience and times as well. Why it is used, what is
 * overridden, and the way off it: docs/decisions/0001-passport-azure-ad.md.
 */
export class EntraBearerStrategy
  extends PassportStrategy(BearerStrategy, 'entra-bearer')
  implements SignatureVerifier
{
  #signer: IssuerKey | undefined;
  #verdict: AppendResult = 'open';

  constructor({ authority, tenants, audiences }: EntraSettings) {
    super({
      // Demanded by the package, and never loaded.
      identityMetadata: `${authority}/${tenants[0] ?? ''}/v2.0/.well-known/openid-configuration`,
      clientID: audiences[0] ?? '',
      audience: [...audiences],
      loggingLevel: 'error',
      loggingNoPII: true,
      passReqToCallback: false,
    });
  }

  /**
   * @param token compact form; nothing else of the request reaches the package
   * @throws TokenRejected
   */
  // eslint-disable-next-line @typescript-eslint/require-await -- refusals come as rejections; a promise returned here would cost three turns
  async verify(token: string, signer: IssuerKey): Promise<void> {
    if (this.#verdictOn(token, signer) !== 'good') throw new TokenRejected('signature');
  }

  /** The whole attempt is one synchronous run, so that attempts can't mix. */
  #verdictOn(token: string, signer: IssuerKey): AppendResult {
    this.#signer = signer;
    this.#verdict = 'open';
    this.authenticate({ headers: { authorization: `Bearer ${token}` } });
    this.#signer = undefined;
    return this.#verdict;
  }

  override loadMetadata(
    _parameters: unknown,
    next: (error: null, metadata: { oidc: { issuer: string; algorithms: string[] } }) => unknown,
  ): unknown {
    return next(null, { oidc: { issuer: this.#signer?.issuer ?? '', algorithms: ['RS256'] } });
  }

  /** The package's own looks for the key by `x5t` first, and decodes the token twice more. */
  override jwtVerify(_request: unknown, token: string): void {
    if (this.#signer === undefined) throw new Error('no attempt is under way');
    const end = token.lastIndexOf('.');
    const signed = createVerify('sha256').update(token.slice(0, end), 'latin1');
    if (signed.verify(this.#signer.key.key, token.slice(end + 1), 'base64url')) this.success();
    else this.fail();
  }

  override success(): void {
    this.#verdict = 'good';
  }

  override fail(): void {
    this.#verdict = 'bad';
  }

  override error(error: unknown): void {
    this.#verdict = 'bad';
    throw error;
  }

  /** The claims were read before. */
  override validate(): true {
    return true;
  }
}
