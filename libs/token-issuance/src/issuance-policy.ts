import { Inject, Injectable } from '@nestjs/common';
import { ScopesNotAllowed } from './errors.js';
import { tokenIssuanceSettings, type TokenIssuanceSettings } from './token-issuance-settings.js';

/** What a caller asks of a token; what it leaves out is up to the policy. */
export interface TokenWish {
  readonly scopes?: readonly string[] | undefined;
  /** 60 to 1440, as ACS allows. */
  readonly expiresInMinutes?: number | undefined;
}

/** What is granted, and by which rule of which policy. */
export interface Grant {
  readonly scopes: readonly string[];
  readonly expiresInMinutes: number;
  readonly rule: string;
  readonly version: string;
}

/** Which token scopes and lifetimes are given. Nothing is narrowed silently: it is granted or refused. */
export abstract class IssuancePolicy {
  /** @throws ScopesNotAllowed naming what would be allowed */
  abstract decide(wish: TokenWish): Grant;
}

/** One rule for everybody, out of environment variables. */
@Injectable()
export class SettingsIssuancePolicy extends IssuancePolicy {
  constructor(@Inject(tokenIssuanceSettings.key) private readonly settings: TokenIssuanceSettings) {
    super();
  }

  decide({ scopes, expiresInMinutes }: TokenWish): Grant {
    const { allowedScopes, defaultScopes, defaultLifetimeMinutes } = this.settings;
    const wanted = [...new Set(scopes ?? defaultScopes)].sort();
    if (wanted.some((scope) => !allowedScopes.includes(scope))) {
      throw new ScopesNotAllowed(wanted, allowedScopes);
    }
    return {
      scopes: wanted,
      expiresInMinutes: expiresInMinutes ?? defaultLifetimeMinutes,
      rule: 'default',
      version: 'settings',
    };
  }
}
