import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AUDIT_ACTIONS, AUDIT_OUTCOMES } from '#libs/audit';
import { invalidRequest } from '../http/validation.pipe.js';
import { auditAction, oneOf, several } from './query-fields.js';

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

describe('several values', () => {
  const schema = z.strictObject({ outcome: several(oneOf(AUDIT_OUTCOMES)) });
  const detail = `must be one of ${AUDIT_OUTCOMES.join(', ')}`;

  function errorsOf(outcome: unknown): unknown {
    const { error } = schema.safeParse({ outcome });
    return invalidRequest(error?.issues ?? []).members.errors;
  }

  it('name the place of each wrong one in the list', () => {
    expect(errorsOf(['denied', 'bogus', 'success', 7])).toEqual([
      { pointer: '/outcome/1', detail },
      { pointer: '/outcome/3', detail },
    ]);
  });

  it('name the parameter when there is one, or too many', () => {
    expect(errorsOf('bogus')).toEqual([{ pointer: '/outcome', detail }]);
    expect(errorsOf(Array(51).fill('denied'))).toEqual([
      { pointer: '/outcome', detail: 'must have at most 50 values' },
    ]);
  });
});
