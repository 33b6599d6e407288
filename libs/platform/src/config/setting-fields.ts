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

/** The name of a secret, as Key Vault allows it. */
export function secretName(): z.ZodType<string, string> {
  const error = 'must be the name of a secret: 1 to 127 letters, digits and hyphens';
  return z.string().regex(/^[0-9a-zA-Z-]{1,127}$/, error);
}

/** The scope of a token of Entra for an API as a whole. */
export function tokenScope(): z.ZodType<string, string> {
  const error = 'must be an https address that ends in /.default';
  return z.string().regex(/^https:\/\/\S{1,500}\/\.default$/, error);
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

/**
 * Comma-separated origins of web pages, as browsers send them (RFC 6454, section 6.2): lower case, without
 * the default port and the final slash. Each once.
 */
export function webOrigins(): z.ZodType<readonly string[], string> {
  return list().transform((items, context) => {
    const origins = items.flatMap((item, index) => {
      const fault = originFault(item);
      if (fault === undefined) return [new URL(item).origin];
      context.addIssue(
        items.length === 1 ? fault : `origin ${index + 1} of ${items.length} ${fault}`,
      );
      return [];
    });
    return [...new Set(origins)];
  });
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[?::1\]?)$/i;

/** Whether a host is this machine, by its address or name. The folder of a socket is, too. */
export function isLoopbackHost(host: string): boolean {
  return host === '' || host.startsWith('/') || LOOPBACK.test(host);
}

function originFault(text: string): string | undefined {
  if (text.includes('*')) return 'must not have a wildcard: list each origin';
  if (text === 'null') return 'must not be null, the origin of files and sandboxed frames';
  const url = URL.parse(text);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    return 'must be an origin, such as https://app.contoso.com';
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname))
    return 'must begin with https; http is for localhost, 127.0.0.1 and [::1] only';
  return url.href === `${url.origin}/` && !/[?#@]/.test(text)
    ? undefined
    : 'must have no path, query, fragment or credentials';
}
