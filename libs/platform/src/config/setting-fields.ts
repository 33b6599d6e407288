import { z } from 'zod';

/** A whole number out of an environment variable, within bounds. */
export function integer(minimum: number, maximum: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number from ${minimum} to ${maximum}`)
    .transform(Number)
    .refine(
      (value) => value >= minimum && value <= maximum,
      `must be a whole number from ${minimum} to ${maximum}`,
    );
}

/** `true` or `false`; nothing else passes for either. */
export function boolean(): z.ZodType<boolean, string> {
  return z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((text) => text === 'true');
}

/** Comma-separated values without empty ones. */
export function list(): z.ZodType<readonly string[], string> {
  return z.string().transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
}

/** An https address without path, query, fragment or credentials, as its origin. */
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
    context.addIssue('must be an https address with nothing after the host and port');
    return z.NEVER;
  });
}
