import type { CallContext, CommunicationUserId, Guid } from '#libs/platform';

/** What relates a call to the records of Azure. */
export interface UpstreamEvidence {
  /** Version of the secret that signed the call; absent with an Entra credential. */
  readonly secretVersion?: string;
  /** The response's `MS-CV` header, which Microsoft's support needs. */
  readonly correlationVector?: string;
}

/** The resource of a call, and who makes it. */
export interface GatewayCall extends Pick<CallContext, 'request' | 'priority'> {
  /** Name of a configured ACS resource. */
  readonly resource: string;
  /** The request budget is shared fairly by tenant and client application of the caller. */
  readonly tenant?: string;
  readonly clientApp?: string;
  /** Whose identity is created: identifies the request in the request budget when it is repeated. */
  readonly subject?: string;
  /**
   * When the caller's right to this call ends, on `Clock.monotonicNow`. The call is not sent unless it
   * ends before.
   */
  readonly rightEndsAt?: number;
}

/** The token to issue. */
export interface TokenRequest {
  /** As ACS names them, allowed by the issuance policy. */
  readonly scopes: readonly string[];
  /** 60 to 1440 */
  readonly expiresInMinutes: number;
}

export interface IssuedToken {
  /** Opaque. */
  readonly token: string;
  readonly expiresOn: Date;
  readonly evidence: UpstreamEvidence;
}

/** A token that ACS has given for one of Entra, and whose it is. */
export interface ExchangedToken extends IssuedToken {
  readonly communicationUserId: CommunicationUserId;
}

/** The exchanges of Microsoft's client library: of Teams Phone extensibility, and of Entra users directly (preview). */
export const CLIENT_EXCHANGES = ['teams-extension', 'entra'] as const;

export type ClientExchange = (typeof CLIENT_EXCHANGES)[number];

/** An exchange as the client library requests it. */
export interface EntraExchange extends AssignmentHolder {
  readonly exchange: ClientExchange;
  /** Of the API, as the client names it. */
  readonly version: string;
  readonly entraToken: string;
}

export interface CreatedIdentity {
  /** `8:acs:…` */
  readonly communicationUserId: CommunicationUserId;
  readonly evidence: UpstreamEvidence;
}

export interface Acknowledged {
  readonly evidence: UpstreamEvidence;
}

export const PRINCIPAL_TYPES = ['user', 'teamsResourceAccount'] as const;

/** Who gets an assignment: a person, or a resource account of Teams. */
export type PrincipalType = (typeof PRINCIPAL_TYPES)[number];

/** Whose assignment it is. */
export interface AssignmentHolder {
  readonly tenant: Guid;
  readonly objectId: Guid;
}

/** That a principal may use Teams Phone extensibility through an ACS resource. */
export interface TeamsPhoneAssignment extends AssignmentHolder {
  readonly principalType: PrincipalType;
  /** The applications through which it may be used; empty: through any. */
  readonly clientIds: readonly Guid[];
}

/** Whether two assignments give their holder the same. */
export function isSameContent(
  a: Pick<TeamsPhoneAssignment, 'principalType' | 'clientIds'>,
  b: Pick<TeamsPhoneAssignment, 'principalType' | 'clientIds'>,
): boolean {
  const [clients, others] = [new Set(a.clientIds), new Set(b.clientIds)];
  const isEqual = clients.size === others.size && [...clients].every((id) => others.has(id));
  return a.principalType === b.principalType && isEqual;
}

/**
 * Calls to Azure Communication Services.
 *
 * Every call ends within a deadline and counts against the request budget of its resource. Every
 * method rejects with
 * - `ResourceNotConfigured` before a call, when the resource is not configured;
 * - `BudgetExhausted` before a call, when the request budget has no permit in time;
 * - `UpstreamUnavailable` when ACS gave no response or an invalid one;
 * - `UpstreamThrottled` when ACS answered 429 all the same;
 * - `UpstreamCredentialRefused` when ACS refused the credential, even after it was read again;
 * - the errors of the secret store when the credential can't be read.
 */
export abstract class CommunicationIdentityGateway {
  /**
   * Creates an identity. Not safe to repeat: ACS can't list identities, so that one whose response
   * is lost stays unknown.
   *
   * @throws UpstreamOutcomeUnknown when the call may have taken effect but the response was lost
   */
  abstract createIdentity(call: GatewayCall): Promise<CreatedIdentity>;

  /**
   * Creates an identity and its first token in one call. Not safe to repeat.
   *
   * @returns the identity without a token when ACS's response had an identity but no usable token
   * @throws UpstreamOutcomeUnknown as `createIdentity`
   */
  abstract createIdentityWithToken(
    call: GatewayCall,
    token: TokenRequest,
  ): Promise<CreatedIdentity | (CreatedIdentity & IssuedToken)>;

  /**
   * Issues a token. Safe to repeat; each repetition issues another token.
   *
   * @throws IdentityNotOwned when the identity belongs to another resource
   * @throws IdentityMissing when the identity was deleted
   */
  abstract issueToken(
    call: GatewayCall,
    token: TokenRequest & { readonly communicationUserId: CommunicationUserId },
  ): Promise<IssuedToken>;

  /**
   * Revokes every token of the identity, within 15 minutes. Safe to repeat. A deleted identity has
   * no tokens: the call succeeds.
   *
   * @throws IdentityNotOwned when the identity belongs to another resource
   */
  abstract revokeTokens(
    call: GatewayCall,
    communicationUserId: CommunicationUserId,
  ): Promise<Acknowledged>;

  /**
   * Deletes the identity with its data and revokes its tokens. Safe to repeat: it succeeds for a
   * deleted identity.
   *
   * @throws IdentityNotOwned when the identity belongs to another resource
   */
  abstract deleteIdentity(
    call: GatewayCall,
    communicationUserId: CommunicationUserId,
  ): Promise<Acknowledged>;

  /**
   * Exchanges a Teams user's Entra token for an ACS token that expires at the same time.
   *
   * @param exchange `clientApp` and `subject` must come from the caller's own verified token: ACS
   *   compares them with the Teams token, which prevents the replay of another user's token
   * @throws TeamsTokenRefused when ACS does not accept the Teams token
   */
  abstract exchangeTeamsToken(
    call: GatewayCall,
    exchange: {
      readonly teamsUserToken: string;
      readonly clientApp: string;
      readonly subject: string;
    },
  ): Promise<ExchangedToken>;

  /**
   * Exchanges a user's Entra token for a token of ACS, as Microsoft's client library does. The user's token
   * alone authorizes the call; the credential of the service is neither needed nor used. Safe to repeat;
   * each repetition issues another token.
   *
   * @param exchange `tenant` and `objectId` must come from the verified token
   * @throws AccessNotAssigned when no assignment lets the user have a token through the application
   * @throws EntraTokenRefused when ACS does not accept the user's token
   */
  abstract exchangeEntraToken(call: GatewayCall, exchange: EntraExchange): Promise<ExchangedToken>;

  /**
   * Creates or replaces an assignment. Safe to repeat.
   *
   * @throws TeamsPhoneAssignmentRefused when ACS does not accept it
   * @throws UpstreamOutcomeUnknown when the call may have taken effect but the response was lost
   */
  abstract putAssignment(
    call: GatewayCall,
    assignment: TeamsPhoneAssignment,
  ): Promise<Acknowledged>;

  /** @returns the assignment as ACS has it, without one when it has none */
  abstract readAssignment(
    call: GatewayCall,
    holder: AssignmentHolder,
  ): Promise<Acknowledged & { readonly assignment: TeamsPhoneAssignment | undefined }>;

  /**
   * Deletes an assignment, which revokes the tokens that were exchanged under it. Safe to repeat: it
   * succeeds for a deleted assignment.
   *
   * @throws UpstreamOutcomeUnknown as `putAssignment`
   */
  abstract deleteAssignment(call: GatewayCall, holder: AssignmentHolder): Promise<Acknowledged>;
}
