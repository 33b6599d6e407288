import { PassportStrategy } from '@nestjs/passport';
import BearerStrategy from 'passport-azure-ad/lib/bearerstrategy.js';
import { verify } from 'passport-azure-ad/lib/jsonWebToken.js';
import type { EntraSettings } from './authentication-settings.js';
import type { Signer } from './issuer-keys.js';
import { TokenRefused } from './token-refused.js';
import type { TokenSignatures } from './token-signatures.js';

/**
 * `passport-azure-ad`'s own verification of signature, issuer and audience, cut off from its loading
 * of metadata: issuer and key come from the caller, who has checked the times as well. Why it is
 * used, and the way off it: docs/decisions/0001-passport-azure-ad.md.
 */
export class EntraBearerStrategy
  extends PassportStrategy(BearerStrategy, 'entra-bearer')
  implements TokenSignatures
{
  constructor({ authority, tenants, audiences }: EntraSettings) {
    super({
      // Demanded by the package, and never loaded.
      identityMetadata: `${authority}/${tenants[0] ?? ''}/v2.0/.well-known/openid-configuration`,
      clientID: audiences[0] ?? '',
      audience: [...audiences],
      // Times were checked before, against the application's clock; the package reads the machine's.
      clockSkew: Number.MAX_SAFE_INTEGER,
      loggingLevel: 'error',
      loggingNoPII: true,
      passReqToCallback: false,
    });
  }

  /**
   * @param token compact form; nothing else of the request reaches the package
   * @throws TokenRefused
   */
  async verify(token: string, { issuer, key }: Signer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    // As passport does: one object for each attempt, so that attempts at the same time don't mix.
    const attempt = Object.create(this) as this;
    attempt.success = () => {
      resolve(undefined);
    };
    attempt.fail = () => {
      reject(new TokenRefused('signature'));
    };
    attempt.error = reject;
    attempt.loadMetadata = (_parameters, next) =>
      next(null, { oidc: { issuer, algorithms: ['RS256'] } });
    // Its own version of this looks for the key by x5t first.
    attempt.jwtVerify = (_request, text, _metadata, options) => {
      verify(text, key.key, options, (error) => {
        if (error === null) attempt.success(true);
        else attempt.fail(error.message);
      });
    };
    attempt.authenticate({ headers: { authorization: `Bearer ${token}` } });
    return promise;
  }

  /** The claims were read before. */
  override validate(): true {
    return true;
  }
}
