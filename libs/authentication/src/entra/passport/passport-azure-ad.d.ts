/** Types of the members that are used; the package ships none. */
declare module 'passport-azure-ad/lib/bearerstrategy.js' {
  interface BearerStrategyOptions {
    identityMetadata: string;
    clientID: string;
    audience: string[];
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
    jwtVerify(request: unknown, token: string, metadata: unknown, options: unknown): void;
    success(user: unknown): void;
    fail(challenge: unknown): void;
    error(error: unknown): void;
  }
}

/** Called by the package's own `jwtVerify`. A test compares ours with it. */
declare module 'passport-azure-ad/lib/jsonWebToken.js' {
  import type { KeyObject } from 'node:crypto';

  interface VerifyOptions {
    readonly algorithms: string[];
    readonly audience: string[];
    readonly issuer: string;
    readonly isAccessToken: true;
    readonly clockSkew: number;
  }

  export function verify(
    token: string,
    key: KeyObject,
    options: VerifyOptions,
    done: (error: Error | null) => void,
  ): void;
}
