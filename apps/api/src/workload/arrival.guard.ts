import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { ServiceBusy, TimeSlices } from '#libs/platform';
import { PacedArrivals } from './paced-arrivals.js';
import { workloadOf } from './workload.js';

/** Slices that are awaited at most, by arrivals and by work in progress. */
const MAX_AWAITED_SLICES = 512;
/** For a caller that is not known yet, and has no estimate of its own. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Lets requests arrive in small numbers: to verify the tokens of hundreds of them at once would hold
 * the event loop. Issuing and revoking ones are paced, so that the responses of ACS and of the database are read
 * between them; reading and bulk ones arrive one by one, beside the others. Runs before
 * authentication.
 */
@Injectable()
export class ArrivalGuard implements CanActivate {
  readonly #issuing = new PacedArrivals();

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const workload = workloadOf(context.getHandler()) ?? 'reading';
    if (workload === 'operations') return true;
    if (workload === 'issuing' || workload === 'revoking') {
      await this.#issuing.enter();
      return true;
    }
    if (TimeSlices.awaitedCount >= MAX_AWAITED_SLICES) {
      throw new ServiceBusy({ retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    await new TimeSlices().next();
    return true;
  }
}
