import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { ServiceBusy, TimeSlices } from '#libs/platform';
import { workloadOf } from './workload.js';

/** Slices that are awaited at most, by arrivals and by work in progress. */
const MAX_AWAITED_SLICES = 512;
/** For a caller that is not known yet, and has no estimate of its own. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Lets reading and bulk requests arrive one by one. To verify the tokens of hundreds of them at once
 * would hold the event loop. Runs before authentication.
 */
@Injectable()
export class ArrivalGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const workload = workloadOf(context.getHandler()) ?? 'reading';
    if (workload !== 'reading' && workload !== 'bulk') return true;
    if (TimeSlices.awaitedCount >= MAX_AWAITED_SLICES) {
      throw new ServiceBusy({ retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    await new TimeSlices().next();
    return true;
  }
}
