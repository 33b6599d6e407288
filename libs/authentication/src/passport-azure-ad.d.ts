/** The package ships no types. These cover what is used. */
declare module 'passport-azure-ad/lib/bearerstrategy.js' {
  import type { KeyObject } from 'node:crypto';

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
    generateOidcPEM(keyId: string): KeyObject;
  }

  export default class BearerStrategy {
    name: string;
    constructor(options: BearerStrategyOptions, verify: (...values: unknown[]) => void);
    authenticate(request: { headers: { authorization: string } }): void;
    loadMetadata(
      parameters: unknown,
      next: (error: Error | null, metadata?: Metadata) => unknown,
    ): unknown;
    success(user: unknown): void;
    fail(challenge: unknown): void;
    error(error: unknown): void;
  }
}
