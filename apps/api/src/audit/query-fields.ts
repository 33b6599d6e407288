import { z } from 'zod';
import {
  AddressRange,
  AUDIT_ACTIONS,
  CUSTOM_AUDIT_ACTION_PATTERN,
  type AuditAction,
} from '#libs/audit';
import { canonicalAddress, type CanonicalName, canonicalName, faultMessage } from '#libs/platform';

/** An instant in a query, from 1970 to 9998: years that JavaScript, PostgreSQL and RFC 3339 share. */
export function instant(): z.ZodType<Date, string> {
  return z.iso
    .datetime({ offset: true, error: 'must be a time as in RFC 3339: 2030-01-31T23:59:59Z' })
    .transform((text) => new Date(text))
    .refine((time) => {
      const year = time.getUTCFullYear();
      return year >= 1970 && year < 9999;
    }, 'must lie between the years 1970 and 9998');
}

/** Values of one filter. */
const MAX_VALUES = 50;

/** A value to search for. */
export function searched(): z.ZodType<string, string> {
  return z.string().min(1, 'must not be empty').max(512, 'must have at most 512 characters');
}

/** An identifier to search for, in the form in which the log has it. */
export function searchedName(): z.ZodType<CanonicalName, string> {
  return searched().transform(canonicalName);
}

/** The address of a client, in the form that entries are searched by. */
export function clientAddress(): z.ZodType<string, string> {
  const error = 'must be one IPv4 or IPv6 address; ranges can’t be searched for';
  return z
    .string()
    .transform((text) => canonicalAddress(text) ?? '')
    .refine((address) => address !== '', error);
}

/** A range of addresses of clients. */
export function addressRange(): z.ZodType<string, string> {
  const error =
    'must be an address or a range such as 192.0.2.0/24, with a prefix of at least 8 bits, or 16 for IPv6, and no mapped IPv4 addresses among those of IPv6';
  return z.string().refine((text) => AddressRange.parse(text) !== undefined, error);
}

/** One value, or several: a parameter may be repeated, a member of a body may be a list. */
export function several<T>(item: z.ZodType<T>): z.ZodType<readonly T[]> {
  const list = z.array(item).max(MAX_VALUES, `must have at most ${MAX_VALUES} values`);
  const checked = z.transform((value: unknown, context): unknown[] => {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    const { error } = list.safeParse(values);
    for (const issue of error?.issues ?? []) {
      const path = placeAmong(values, issue.path[0]);
      context.addIssue({ code: 'custom', message: faultMessage(issue), path });
    }
    return values;
  });
  return checked.pipe(list);
}

/** The path of one of several values, in the parameter. One value alone is the parameter. */
export function placeAmong(values: readonly unknown[], place?: PropertyKey): PropertyKey[] {
  return values.length === 1 || place === undefined ? [] : [place];
}

/** One of a few names. */
export function oneOf<const Name extends string>(names: readonly Name[]): z.ZodType<Name, string> {
  return z.enum(names, { error: `must be one of ${names.join(', ')}` }) as z.ZodType<Name, string>;
}

/** A value to search for that has one shape: any other can't be found. */
export function shaped(pattern: RegExp, error: string): z.ZodString {
  return z.string().regex(pattern, error);
}

/** `true` or `false`: as text in a query. */
export function claim(): z.ZodType<boolean, string> {
  return z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((text) => text === 'true');
}

/** A whole number in a query. */
export function whole(minimum: number, maximum: number): z.ZodType<number, string> {
  const error = `must be a whole number from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,15})$/, error)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, error);
}

/** An index in the log. */
export function logIndex(): z.ZodType<number, string> {
  return whole(0, Number.MAX_SAFE_INTEGER);
}

/** Whether a window is not empty; it may be open at either end. */
export function isForward({
  from,
  to,
}: {
  from?: Date | undefined;
  to?: Date | undefined;
}): boolean {
  return !from || !to || from.getTime() < to.getTime();
}

const builtInAction = z
  .enum(AUDIT_ACTIONS)
  .meta({ id: 'AuditAction', description: 'An action of this service.' });

/** An action of the log: one of this service, or one of a host's own. */
export function auditAction(): z.ZodType<AuditAction> {
  const error = `must be an action of the host, such as x-order.ship, or one of ${AUDIT_ACTIONS.join(', ')}`;
  const custom = z
    .string()
    .regex(CUSTOM_AUDIT_ACTION_PATTERN, error)
    .describe('an action of the host');
  // The pattern is the type's.
  return z.union([builtInAction, custom], { error }) as unknown as z.ZodType<AuditAction>;
}
