import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AUDIT_ACTIONS } from '#libs/audit';
import { invalidRequest } from '../http/validation.pipe.js';
import { auditAction, several } from './query-fields.js';

describe('auditAction', () => {
  it('takes actions of this service and of a host', () => {
    for (const action of ['token.issue', 'x-order.ship']) {
      expect(several(auditAction()).parse(action)).toEqual([action]);
    }
  });

  it.each(['token.isue', 'x-Order.ship', 7])(
    'names the accepted values in place of %s',
    (action) => {
      const schema = z.strictObject({ action: several(auditAction()) });
      const { error } = schema.safeParse({ action });
      const refusal = invalidRequest(error?.issues ?? []);
      const detail = `must be an action of the host, such as x-order.ship, or one of ${AUDIT_ACTIONS.join(', ')}`;
      expect(refusal.members).toEqual({ errors: [{ pointer: '/action', detail }] });
    },
  );
});
