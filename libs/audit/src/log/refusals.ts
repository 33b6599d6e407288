import { sqlState } from '#libs/platform';
import { EXPIRED } from '../postgres/log-connection.js';

/** Raised by a function of the schema. */
const CHANGE_REJECTED = 'AU002';
const CONSTRAINT_VIOLATION_CLASS = '23';
const VALUE_REFUSAL_CLASS = '22';

/** Whether a change does not hold, or the server refuses a value. */
export function isRefusal(error: unknown): boolean {
  return sqlState(error) === CHANGE_REJECTED || isConstraint(error) || isValueRefusal(error);
}

/** A flight that has expired fails with a code of the same class. */
export function isValueRefusal(error: unknown): boolean {
  const state = sqlState(error);
  return state?.startsWith(VALUE_REFUSAL_CLASS) === true && state !== EXPIRED;
}

export function isConstraint(error: unknown): boolean {
  return sqlState(error)?.startsWith(CONSTRAINT_VIOLATION_CLASS) ?? false;
}
