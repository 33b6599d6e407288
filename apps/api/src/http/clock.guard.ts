import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { AuditUnavailable, ClockBound, ClockOutOfBounds } from '#libs/audit';
import { accessRulesOf } from '#libs/authentication';

/**
 * Refuses requests with 503 while the clock of this process is off: nothing could be recorded, and
 * valid tokens would seem expired or not yet valid, which is no fault of their callers.
 */
@Injectable()
export class ClockGuard implements CanActivate {
  constructor(private readonly clock: ClockBound) {}

  canActivate(execution: ExecutionContext): boolean {
    const isPublic = accessRulesOf(execution.getHandler()).every(({ kind }) => kind === 'public');
    if (isPublic || !this.clock.isOff) return true;
    throw new AuditUnavailable({ cause: new ClockOutOfBounds('off by more than the tolerance') });
  }
}
