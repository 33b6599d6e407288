import type { ExecutionContext } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { ServiceBusy } from '#libs/platform';
import { ArrivalGuard } from './arrival.guard.js';
import { DeclareWorkload, type Workload } from './workload.js';

function requestOf(workload?: Workload): ExecutionContext {
  const handler = (): void => undefined;
  if (workload) DeclareWorkload(workload)({}, 'handler', { value: handler });
  return { getHandler: () => handler } as unknown as ExecutionContext; // the member that the guard reads
}

describe('ArrivalGuard', () => {
  it.each(['reading', 'bulk', undefined] as const)(
    'admits requests of workload %s one by one, and refuses a flood',
    async (workload) => {
      const guard = new ArrivalGuard();
      let admitted = 0;
      const refused: unknown[] = [];
      const flood = Array.from({ length: 1_000 }, async () =>
        guard.canActivate(requestOf(workload)).then(
          () => void (admitted += 1),
          (error: unknown) => void refused.push(error),
        ),
      );
      expect(await guard.canActivate(requestOf('issuing'))).toBe(true);
      expect(await guard.canActivate(requestOf('operations'))).toBe(true);
      expect(admitted, 'issuing does not wait for the flood').toBeLessThan(10);
      await Promise.all(flood);
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.every((error) => error instanceof ServiceBusy)).toBe(true);
      expect(admitted + refused.length).toBe(1_000);
    },
  );
});
