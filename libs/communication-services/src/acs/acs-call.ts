import type { CommunicationUserId } from '#libs/platform';
import type { AcsOperation } from '#libs/request-budget';
import type { GatewayCall } from '../communication-identity-gateway.js';
import type { CommunicationResource } from '../resources/communication-resources.js';
import type { AcsConnection, UnsignedConnection } from './acs-clients.js';
import type { CallOptions } from './acs-request.js';
import type { AcsResponses } from './acs-responses.js';
import { isClientExchange } from './upstream-failure.js';

/** What a call needs in order to begin. */
export interface PlannedCall {
  readonly operation: AcsOperation;
  readonly call: GatewayCall;
  readonly resource: CommunicationResource;
  /** Whom the call is about: identifies it in the request budget when it is repeated. */
  readonly requester: string | undefined;
}

type Send<Connection, T> = (
  connection: Connection,
  options: CallOptions,
  responses: AcsResponses,
) => Promise<T>;

/** A call with the credential of the service, independent of the client that makes it. */
export interface SignedCall<T> extends PlannedCall {
  /** Present for a create: the identity in its answer. */
  readonly identityOf?: (value: T) => CommunicationUserId;
  readonly send: Send<Pick<AcsConnection, 'client' | 'assignments'>, T>;
}

/** A call with the token of a user, which needs no credential of the service. */
export interface UnsignedCall<T> extends PlannedCall {
  readonly sendUnsigned: Send<UnsignedConnection, T>;
}

export type AcsCall<T> = SignedCall<T> | UnsignedCall<T>;

/** Whether a caller waits for the token that this call leads to. */
export function isForToken({
  operation,
  call: { priority = 'interactive' },
}: PlannedCall): boolean {
  if (priority === 'bulk') return false;
  switch (operation) {
    case 'create':
    case 'createWithToken':
    case 'issue':
    case 'exchange':
    case 'exchangeTeamsExtension':
    case 'exchangeEntra':
      return true;
    case 'revoke':
    case 'delete':
    case 'assign':
    case 'readAssignment':
    case 'unassign':
      return false;
  }
}

/** Whether the call changes nothing: it only issues a token, so that its caller may abort it. */
export function isTokenOnly({ operation }: PlannedCall): boolean {
  return operation === 'issue' || operation === 'exchange' || isClientExchange(operation);
}
