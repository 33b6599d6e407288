import { z } from 'zod';

/** A decimal integer of at most 15 digits, within inclusive bounds. */
export function integer(minimum: number, maximum: number): z.ZodType<number, string> {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, message);
}

/** `true` or `false`, in lower case. */
export function boolean(): z.ZodType<boolean, string> {
  return z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((text) => text === 'true');
}

/** Comma-separated values. White space around them and empty ones are dropped. */
export function list(): z.ZodType<readonly string[], string> {
  return z.string().transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
}

/** The origin of an https address that has no path, query, fragment or credentials. */
export function httpsOrigin(): z.ZodType<string, string> {
  return z.string().transform((text, context) => {
    const url = URL.parse(text);
    const isOrigin =
      url?.protocol === 'https:' &&
      url.username === '' &&
      url.password === '' &&
      url.pathname === '/' &&
      url.search === '' &&
      url.hash === '';
    if (isOrigin) return url.origin;
    context.addIssue('must be an https address without a path, query, fragment or credentials');
    return z.NEVER;
  });
}
