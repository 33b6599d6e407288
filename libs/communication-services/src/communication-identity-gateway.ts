import type { RequestContext } from '#libs/platform';
import type { CallPriority } from '#libs/request-budget';

/** What a later investigation can hold against the records of Azure. */
export interface UpstreamEvidence {
  /** Version of the secret that signed the call; absent when an Entra credential did. */
  readonly secretVersion?: string;
  /** The `MS-CV` header of the answer: what Microsoft's support asks for. */
  readonly correlationVector?: string;
}

/** Where a call goes and on whose behalf. */
export interface GatewayCall {
  /** Name of a configured ACS resource. */
  readonly resource: string;
  readonly request?: RequestContext;
  /** Shares of the request budget are kept by tenant and client application. */
  readonly tenant?: string;
  readonly clientApp?: string;
  /** Whom an identity is made for: who is told to come back is recognised by it. */
  readonly subject?: string;
  /** Bulk work waits until no interactive call does. Default: interactive. */
  readonly priority?: CallPriority;
}

/** What a token allows, as ACS names it; the policy says which are known. */
export interface TokenRequest {
  readonly scopes: readonly string[];
  /** 60 to 1440 */
  readonly expiresInMinutes: number;
}

export interface IssuedToken {
  /** Opaque: nothing may be read out of it. */
  readonly token: string;
  readonly expiresOn: Date;
  readonly evidence: UpstreamEvidence;
}

export interface CreatedIdentity {
  /** `8:acs:…` */
  readonly communicationUserId: string;
  readonly evidence: UpstreamEvidence;
}

export interface Acknowledged {
  readonly evidence: UpstreamEvidence;
}

/**
 * The way to Azure Communication Services.
 *
 * Every call ends within a deadline and is counted against the request budget of its resource. Every
 * method rejects with
 * - `ResourceNotConfigured` before ACS is asked, when the resource has no configuration;
 * - `BudgetExhausted` before ACS is asked, when the budget can't take the call in time;
 * - `UpstreamUnavailable` when ACS gave no answer or a senseless one;
 * - `UpstreamThrottled` when ACS refused for its own limits all the same;
 * - `UpstreamCredentialRefused` when ACS refused our credential, even after it was read again;
 * - the errors of the secret store when the credential can't be read.
 */
export abstract class CommunicationIdentityGateway {
  /**
   * Makes a new identity. Not safe to repeat: ACS can't list identities, so one whose answer is lost
   * stays unknown for good.
   *
   * @throws UpstreamOutcomeUnknown when the call may have had its effect but the answer was lost
   */
  abstract createIdentity(call: GatewayCall): Promise<CreatedIdentity>;

  /**
   * Makes a new identity and its first token in one call. Not safe to repeat.
   *
   * @throws UpstreamOutcomeUnknown as with `createIdentity`
   */
  abstract createIdentityWithToken(
    call: GatewayCall,
    wish: TokenRequest,
  ): Promise<CreatedIdentity & IssuedToken>;

  /**
   * Issues a token. Safe to repeat; each repeat makes one more token.
   *
   * @throws IdentityNotOwned when the identity belongs to another resource
   */
  abstract issueToken(
    call: GatewayCall,
    wish: TokenRequest & { readonly communicationUserId: string },
  ): Promise<IssuedToken>;

  /**
   * Revokes every token of the identity; takes effect within 15 minutes. Safe to repeat.
   *
   * @throws IdentityNotOwned when the identity belongs to another resource
   */
  abstract revokeTokens(call: GatewayCall, communicationUserId: string): Promise<Acknowledged>;

  /**
   * Deletes the identity with its data and revokes its tokens. Safe to repeat: an identity that is
   * gone already counts as deleted.
   *
   * @throws IdentityNotOwned when the identity belongs to another resource
   */
  abstract deleteIdentity(call: GatewayCall, communicationUserId: string): Promise<Acknowledged>;

  /**
   * Exchanges a Teams user's Entra token for an ACS token with the same end.
   *
   * @param exchange `clientApp` and `subject` must come from the caller's own validated token: ACS
   *   holds them against the Teams token, which stops a replay of somebody else's
   * @throws TeamsTokenRefused when ACS does not accept the Teams token
   */
  abstract exchangeTeamsToken(
    call: GatewayCall,
    exchange: {
      readonly teamsUserToken: string;
      readonly clientApp: string;
      readonly subject: string;
    },
  ): Promise<IssuedToken>;
}
