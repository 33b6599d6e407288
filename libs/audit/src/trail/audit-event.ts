import type { Actor, RequestContext } from '#libs/platform';

/** Every action, `noun.verb`. Public API: names never change once released. */
export const AUDIT_ACTIONS = [
  'token.issue',
  'token.reuse',
  'token.revoke',
  'token.exchange',
  'revocation.start',
  'revocation.end',
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
  'teams-phone.assign',
  'teams-phone.unassign',
  'teams-phone.read',
  'teams-phone.import',
  'teams-phone.export',
  'invitation.create',
  'invitation.end',
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
  'audit.damage',
] as const;

export type BuiltInAuditAction = (typeof AUDIT_ACTIONS)[number];

/** An action of a host's own: `x-noun.verb`, in lower case with hyphens. */
export type CustomAuditAction = `x-${string}.${string}`;

export type AuditAction = BuiltInAuditAction | CustomAuditAction;

export const CUSTOM_AUDIT_ACTION_PATTERN = /^x-[a-z0-9-]{1,40}\.[a-z0-9-]{1,40}$/;

export function isBuiltInAuditAction(action: string): action is BuiltInAuditAction {
  return BUILT_IN.has(action);
}

const BUILT_IN: ReadonlySet<string> = new Set(AUDIT_ACTIONS);

/** @throws Error for an action that has neither a built-in name nor the form of a custom one */
export function assertAuditAction(action: string): void {
  if (isBuiltInAuditAction(action) || CUSTOM_AUDIT_ACTION_PATTERN.test(action)) return;
  throw new Error(`${JSON.stringify(action)} is not an audit action: a custom one is x-noun.verb`);
}

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
