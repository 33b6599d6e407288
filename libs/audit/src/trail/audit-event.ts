import type { Actor, RequestContext } from '#libs/platform';

/** Every action that the log knows, `noun.verb`. Public API: a name never changes once released. */
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

/** `unknown`: an upstream answer was lost, so that nobody can say whether it happened. */
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** What is acted upon. */
export interface AuditTarget {
  readonly identityId?: string;
  readonly kind?: string;
  readonly tenant?: string;
  readonly subject?: string;
  readonly communicationUserId?: string;
  /** Name of the ACS resource. */
  readonly resource?: string;
}

/** A token as the log knows it: never the token, only its keyed fingerprint. */
export interface AuditedToken {
  readonly fingerprint: string;
  /** Id of the key that the fingerprint was made with. */
  readonly fingerprintKey: string;
  readonly scopes: readonly string[];
  readonly expiresOn: Date;
}

/** What happened, as the part that did it tells. The trail adds id, time and place in the log. */
export interface AuditEvent {
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  readonly actor: Actor;
  /** Why not, or why at all; `code` is that of the refusal. */
  readonly reason?: { readonly code: string; readonly detail?: string };
  readonly target?: AuditTarget;
  readonly token?: AuditedToken;
  /** The rule of the issuance policy that decided, and the version of the policy. */
  readonly policy?: { readonly rule: string; readonly version: string };
  readonly upstream?: { readonly secretVersion?: string; readonly correlationVector?: string };
  /** Address and user agent are personal data: the entry holds their salted hashes only. */
  readonly request?: RequestContext;
  /** Display name of the target. Personal data. */
  readonly displayName?: string;
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}
