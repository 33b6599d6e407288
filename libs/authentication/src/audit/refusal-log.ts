import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';
import { LineLimiter, Logger, type Principal, type RequestContext } from '#libs/platform';
import type { TokenRejected } from '../errors.js';
import { sanitize } from '../jwt/parse-jwt.js';
import type { DeniedCall } from './denial-auditor.js';

const LINES = { windowMs: 10_000, maxLinesPerKind: 20, maxLines: 100, maxKinds: 100 };
const MAX_VALUES = 5;
const MAX_CHARACTERS = 200;

/** What is known of a refusal. Values of tokens are not verified. */
interface Refusal {
  readonly reason: string;
  readonly detail?: string | undefined;
  readonly expected?: unknown;
  readonly actual?: unknown;
  readonly remedy?: string | undefined;
}

/**
 * Says in the operational log why a caller was refused, with what was expected and what came, and counts
 * refusals by reason. Callers learn no reason, and who sets up an application has no access to the audit
 * log.
 *
 * No line has a token, an address, or a claim that identifies a person. The number of lines is bounded by
 * time; the counts are exact.
 */
@Injectable()
export class RefusalLog implements BeforeApplicationShutdown {
  readonly #refusals: Counter<'reason'>;
  readonly #lines: LineLimiter<{ readonly reason: string }>;

  constructor(
    private readonly logger: Logger,
    registry: Registry,
  ) {
    this.#refusals = new Counter({
      name: 'authentication_refusals_total',
      help: 'Refused requests; the log lines "caller refused" have what was expected and what came',
      labelNames: ['reason'],
      registers: [registry],
    });
    this.#lines = new LineLimiter(LINES, { reason: 'several' }, ({ kind, ...counted }) => {
      logger.info({ ...kind, ...counted }, 'callers refused');
    });
  }

  beforeApplicationShutdown(): void {
    this.#lines.flush();
  }

  /** Rejected credentials. */
  rejected({ reason, detail, mismatch }: TokenRejected, request: RequestContext): void {
    this.#record({ reason, detail, ...mismatch }, request);
  }

  /** Valid credentials without the permission of the route. */
  denied(
    principal: Principal,
    { code, permission, site }: DeniedCall,
    request: RequestContext,
  ): void {
    const { permissions, kind } = principal;
    const values = {
      'insufficient-permission': { expected: permission, actual: permissions },
      'insufficient-claims': { expected: 'the claims of the challenge', actual: 'none of them' },
      'delegation-missing': { expected: 'user', actual: kind },
      'cross-site-request': { expected: 'same-origin, or x-requested-with', actual: site },
    };
    this.#record({ reason: code, ...values[code] }, request);
  }

  #record({ reason, detail, remedy, ...values }: Refusal, { requestId }: RequestContext): void {
    this.#refusals.inc({ reason });
    if (!this.#lines.admits({ reason })) return;
    const fields = {
      ...(detail !== undefined && { detail: printable(detail) }),
      ...('expected' in values && { expected: printable(values.expected) }),
      ...('actual' in values && { actual: printable(values.actual) }),
      ...(remedy !== undefined && { remedy }),
    };
    this.logger.info({ requestId, reason, ...fields }, 'caller refused');
  }
}

function printable(value: unknown): unknown {
  if (typeof value === 'string') return sanitize(value, MAX_CHARACTERS);
  if (typeof value === 'number') return value;
  if (!Array.isArray(value)) return value === undefined ? 'none' : typeof value;
  const more = value.length - MAX_VALUES;
  const shown = value.slice(0, MAX_VALUES).map(printable);
  return more > 0 ? [...shown, `${more} more`] : shown;
}
