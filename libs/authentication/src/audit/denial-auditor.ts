import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { AggregatingRecorder, type AuditEvent, AuditTrail } from '#libs/audit';
import {
  addressKey,
  Clock,
  isPrincipal,
  Logger,
  networkOf,
  type Principal,
  type RequestContext,
  type UnauthenticatedActor,
} from '#libs/platform';
import type { TokenRejected } from '../errors.js';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';

/** What an authenticated caller was denied. */
export interface DeniedCall {
  readonly code:
    | 'insufficient-permission'
    | 'insufficient-claims'
    | 'delegation-missing'
    | 'cross-site-request';
  /** Absent where the route needs none. */
  readonly permission?: string;
  readonly method: string;
  readonly route: string;
  /** What the browser says about the site that sent the request. */
  readonly site?: string;
}

type AggregatedDenial = Pick<AuditEvent, 'action' | 'actor' | 'details'> &
  Required<Pick<AuditEvent, 'reason' | 'request'>>;

/** Bounds the memory of a window. */
const MAX_KEYS = 10_000;
/** Networks that share an entry when there are too many addresses: prefix lengths of IPv4 and IPv6. */
const WIDER_NETWORKS = [
  [24, 48],
  [16, 32],
] as const;

/**
 * Records denied requests in the audit log.
 *
 * Rejected credentials and exceeded limits may come in floods: they share one entry, with their count,
 * for each reason, address or principal, and window. What strangers can make the service write is
 * bounded by time: the addresses with the most rejections have an entry each, the others share those of
 * their networks, or one for each reason. Denials of authenticated callers are recorded one by one.
 */
@Injectable()
export class DenialAuditor implements BeforeApplicationShutdown {
  readonly #recorder: AggregatingRecorder<AggregatedDenial>;

  constructor(
    private readonly trail: AuditTrail,
    clock: Clock,
    logger: Logger,
    @Inject(authenticationSettings.key) settings: AuthenticationSettings,
  ) {
    this.#recorder = new AggregatingRecorder(trail, clock, logger, {
      name: 'denials',
      windowMs: settings.denialWindowMs,
      limit: {
        maxKeys: MAX_KEYS,
        maxEntries: Math.ceil(
          (settings.rejectionEntriesPerMinute * settings.denialWindowMs) / 60_000,
        ),
        wider: [...WIDER_NETWORKS.map((prefixes) => byNetwork(prefixes)), byReason],
        isSeparate: ({ actor }) => actor.kind !== 'unauthenticated',
      },
      eventsOf: (denial, details) => [
        { ...denial, outcome: 'denied', details: { ...denial.details, ...details } },
      ],
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#recorder.stop();
  }

  /** Counts rejected credentials. Waits for the log only during shutdown. */
  async countRejection(
    { reason: code, detail }: TokenRejected,
    request: RequestContext,
  ): Promise<void> {
    await this.#recorder.add(`${code} ${addressKey(request.clientAddress)}`, {
      action: 'authentication.reject',
      actor: { kind: 'unauthenticated' },
      reason: { code, ...(detail !== undefined && { detail }) },
      request,
    });
  }

  /** Counts a request above a limit, of a principal or of an address. Waits for the log only during shutdown. */
  async countLimited(
    actor: Principal | UnauthenticatedActor,
    request: RequestContext,
  ): Promise<void> {
    const code = 'too-many-requests';
    const whose = isPrincipal(actor)
      ? `${actor.tenant} ${actor.subject}`
      : addressKey(request.clientAddress);
    await this.#recorder.add(`${code} ${whose}`, {
      action: 'request.limit',
      actor,
      reason: { code },
      request,
    });
  }

  /**
   * Records a denied call before it is answered.
   *
   * @throws AuditUnavailable
   */
  async recordDenied(
    principal: Principal,
    { code, ...details }: DeniedCall,
    request: RequestContext,
  ): Promise<void> {
    await this.trail.record({
      action: 'authorization.deny',
      outcome: 'denied',
      actor: principal,
      reason: { code },
      request,
      details,
    });
  }
}

/** Merges by network. The prefixes are so short that no person is identified by them. */
function byNetwork([ipv4, ipv6]: readonly [number, number]) {
  return (denial: AggregatedDenial): readonly [string, AggregatedDenial] => {
    const address = denial.request.clientAddress ?? denial.details?.network;
    if (typeof address !== 'string') return byReason(denial);
    const network = networkOf(address, { ipv4, ipv6 });
    const shared = { ...anonymized(denial), details: { network } };
    return [`${denial.reason.code} ${network}`, shared];
  };
}

function byReason(denial: AggregatedDenial): readonly [string, AggregatedDenial] {
  return [`several ${denial.action} ${denial.reason.code}`, anonymized(denial)];
}

/** The denial without principal, address and detail, for an entry that several share. */
function anonymized({ action, reason, request }: AggregatedDenial): AggregatedDenial {
  return {
    action,
    actor: { kind: 'unauthenticated' },
    reason: { code: reason.code },
    request: { requestId: request.requestId },
  };
}
