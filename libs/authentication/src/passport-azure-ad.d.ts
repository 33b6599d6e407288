/** The package ships no types. These cover what is used. */
declare module 'passport-azure-ad/lib/bearerstrategy.js' {
  import type { VerifyOptions } from 'passport-azure-ad/lib/jsonWebToken.js';

  interface BearerStrategyOptions {
    identityMetadata: string;
    clientID: string;
    audience: string[];
    clockSkew: number;
    loggingLevel: 'info' | 'warn' | 'error';
    loggingNoPII: true;
    passReqToCallback: false;
  }

  interface Metadata {
    oidc: { issuer: string; algorithms: string[] };
  }

  export default class BearerStrategy {
    name: string;
    constructor(options: BearerStrategyOptions, verify: (...values: unknown[]) => void);
    authenticate(request: { headers: { authorization: string } }): void;
    loadMetadata(
      parameters: unknown,
      next: (error: Error | null, metadata?: Metadata) => unknown,
    ): unknown;
    jwtVerify(request: unknown, token: string, metadata: unknown, options: VerifyOptions): void;
    success(user: unknown): void;
    fail(challenge: unknown): void;
    error(error: unknown): void;
  }
}

declare module 'passport-azure-ad/lib/jsonWebToken.js' {
  import type { KeyObject } from 'node:crypto';

  /** Put together by the strategy out of its own options. */
  interface VerifyOptions {
    readonly issuer: string;
  }

  export function verify(
    token: string,
    key: KeyObject,
    options: VerifyOptions,
    done: (error: Error | null) => void,
  ): void;
}
