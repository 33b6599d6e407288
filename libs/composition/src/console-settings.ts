import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  boolean,
  defineSettings,
  errorCode,
  faultMessage,
  InvalidJson,
  parseJsonFile,
  type SettingsOf,
} from '#libs/platform';

const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(\/|$)/;

const text = z.string().min(1, 'must not be empty').max(512, 'must have at most 512 characters');
const address = z
  .url('must be an address')
  .max(512)
  .refine(
    (url) => url.startsWith('https://') || LOOPBACK.test(url),
    'must begin with https; http is for localhost only',
  )
  .transform((url) => url.replace(/\/+$/, ''));
const scopes = z.array(text.regex(/^\S+$/, 'must have no space')).max(32);

/** Where people sign in to the console, and what it requests for them. */
const provider = z.strictObject(
  {
    /** Shown when there are several. */
    name: text,
    /** `/.well-known/openid-configuration` is below it. */
    authority: address,
    /** Of the app registration of the console: a single-page application. */
    clientId: text,
    /** Of the access token, in full: `api://<audience>/AuditLog.Read.All`. */
    scopes: scopes.min(1, 'must name the scope of AuditLog.Read.All'),
    /** Requested when somebody opens Identities. */
    identityScopes: scopes.default([]),
    /** Addresses that the sign-in calls beside that of the authority. */
    origins: z.array(address.transform((url) => new URL(url).origin)).default([]),
  },
  {
    error:
      'must be an object with no other members than name, authority, clientId, scopes, identityScopes, origins',
  },
);

/** An OpenID provider of the console's sign-in. */
export type ConsoleProvider = z.output<typeof provider>;

const providers = z.array(provider, { error: 'must be a JSON list of providers' }).min(1).max(8);

const providersFile = z.string().transform((path, context): readonly ConsoleProvider[] => {
  let json: unknown;
  try {
    json = parseJsonFile(readFileSync(path));
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error';
    const reason = error instanceof InvalidJson ? error.message : `can not be read (${code})`;
    context.addIssue(`must be the path of a JSON file; it ${reason}`);
    return z.NEVER;
  }
  const { data, error } = providers.safeParse(json);
  if (data !== undefined) return data;
  for (const issue of error.issues) {
    const message = faultMessage(issue);
    context.addIssue(issue.path.length === 0 ? message : `${issue.path.join('.')}: ${message}`);
  }
  return z.NEVER;
});

/** The auditors' console at `/console`. */
export const consoleSettings = defineSettings(
  'console',
  z.object({
    CONSOLE_ENABLED: boolean()
      .prefault('false')
      .describe('whether the api serves the console for auditors at /console; docs/console.md'),
    CONSOLE_PROVIDERS_FILE: providersFile
      .optional()
      .describe(
        'path of a JSON file with the OpenID providers of the console’s sign-in: [{"name", "authority", "clientId", "scopes", "identityScopes"?, "origins"?}]; required when CONSOLE_ENABLED is true; docs/console.md describes its members',
      ),
  }),
  ({ CONSOLE_ENABLED, CONSOLE_PROVIDERS_FILE }) => ({
    isEnabled: CONSOLE_ENABLED,
    providers: CONSOLE_PROVIDERS_FILE ?? [],
  }),
);

export type ConsoleSettings = SettingsOf<typeof consoleSettings>;
