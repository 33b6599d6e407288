import type { Actor, RequestContext } from '#libs/platform';

/** Every action, `noun.verb`. Public API: names never change once released. */
export const AUDIT_ACTIONS = [
  'token.issue',
  'token.reuse',
  'token.revoke',
  'token.exchange',
  'identity.create',
  'identity.link',
  'identity.read',
  'identity.update',
  'identity.suspend',
  'identity.resume',
  'identity.delete',
  'identity.import',
  'identity.export',
  'identity.outcome-unknown',
  'authentication.reject',
  'authorization.deny',
  'request.limit',
  'policy.load',
  'configuration.load',
  'secret.read',
  'secret.rotate',
  'audit.read',
  'audit.export',
  'audit.trace',
  'audit.erase',
  'audit.retain',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export const AUDIT_OUTCOMES = ['success', 'denied', 'failure', 'unknown'] as const;

/** `unknown`: the answer of another service was lost, so it is unknown whether the action took effect. */
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** The communication identity that was acted on, with its owner. */
export interface AuditTarget {
  readonly identityId?: string;
  readonly kind?: string;
  readonly tenant?: string;
  readonly subject?: string;
  readonly communicationUserId?: string;
  /** Name of the ACS resource. */
  readonly resource?: string;
}

/** An access token in the log: never the token itself, only its keyed fingerprint. */
export interface AuditedToken {
  readonly fingerprint: string;
  /** Id of the key of the fingerprint. */
  readonly fingerprintKey: string;
  readonly scopes: readonly string[];
  readonly expiresOn: Date;
}

/** An event to record. The audit trail adds id, time and index. */
export interface AuditEvent {
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  readonly actor: Actor;
  /** Why the event occurred; `code` is the code of the refusal. */
  readonly reason?: { readonly code: string; readonly detail?: string };
  readonly target?: AuditTarget;
  readonly token?: AuditedToken;
  /** The rule of the issuance policy that applied, and the version of the policy. */
  readonly policy?: { readonly rule: string; readonly version: string };
  readonly upstream?: { readonly secretVersion?: string; readonly correlationVector?: string };
  /** Address and user agent are personal data: the entry has only their salted hashes. */
  readonly request?: RequestContext;
  /** Display name of the target. Personal data. */
  readonly displayName?: string;
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}
