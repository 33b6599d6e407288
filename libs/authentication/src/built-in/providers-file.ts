import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  type CanonicalName,
  canonicalName,
  errorCode,
  faultMessage,
  InvalidJson,
  nameFault,
  parseJsonFile,
} from '#libs/platform';
import { isPermission, type Permission } from '../access/permission.js';
import { claimName } from './claim-name.js';

/** The platform's name of Entra ID. */
export const ENTRA = 'aad';

/** Claims that change, or that pass from one person to another. */
const CHANGING_CLAIMS: ReadonlySet<string> = new Set([
  ...['email', 'name', 'nickname', 'preferred_username', 'unique_name', 'upn'],
  ...['login', 'name', 'email'].map((last) => `urn:github:${last}`),
  ...['emailaddress', 'name', 'upn'].map(
    (last) => `http://schemas.xmlsoap.org/ws/2005/05/identity/claims/${last}`,
  ),
]);

const text = (maximum: number): z.ZodString =>
  z
    .string({ error: 'is not set, or is no text' })
    .min(1, 'must not be empty')
    .max(maximum, `must have at most ${maximum} characters`);

const permission = z.string({ error: 'must be a text' }).transform((name, context): Permission => {
  if (isPermission(name)) return name;
  context.addIssue('must be a permission of this service, such as CommunicationToken.Issue');
  return z.NEVER;
});

/** What the sign-in of a provider may do for its people. */
const client = z
  .array(permission, { error: 'must list what callers of the provider may do' })
  .min(1, 'must name a permission, such as CommunicationToken.Issue');

/** An object with no other members. */
function strict<S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const members = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: `must be an object with no other members than ${members}`,
  });
}

const provider = strict({
  /** As the platform writes it, in any case. */
  provider: text(64)
    .regex(/^[\w-]*$/, 'must be the name of the provider at the platform')
    .toLowerCase(),
  /** The tenant of all callers. */
  tenant: text(256)
    .refine(
      (name) => name === '' || nameFault(name) === undefined,
      'must be a name without invisible characters',
    )
    .transform(canonicalName),
  subjectClaim: text(256)
    .transform(claimName)
    .refine(
      (name) => !CHANGING_CLAIMS.has(name),
      'must be a claim that stays with one person, such as sub: names and addresses change hands',
    )
    .default('sub'),
  kind: z
    .enum(['user', 'service', 'bot'], { error: 'must be user, service or bot' })
    .default('user'),
  permissions: strict({
    client,
    /** Claims that hold what the person may do. Each value of them is one role. */
    personClaims: z
      .array(text(256).transform(claimName), { error: 'must be a list of names of claims' })
      .default([]),
    /** Translates roles of the provider to permissions. Others are used unchanged. */
    names: z
      .record(text(256), permission, { error: 'must be an object from role to permission' })
      .default({}),
  }),
});

/** Tenant, subject, kind and roles of callers of Entra are in their claims. */
const entraName = z.string().toLowerCase().pipe(z.literal(ENTRA));
const entra = strict({ provider: entraName, permissions: strict({ client }) });

const entry = z.unknown().transform((value, context) => {
  const isEntra = z.looseObject({ provider: entraName }).safeParse(value).success;
  const { data, error } = (isEntra ? entra : provider).safeParse(value);
  if (data !== undefined) return data;
  for (const { path, message } of error.issues)
    context.addIssue({ code: 'custom', path: [...path], message });
  return z.NEVER;
});

const providers = z
  .array(entry, { error: 'must be a JSON list of providers' })
  .superRefine((list, context) => {
    if (hasDuplicates(list.map((one) => one.provider)))
      context.addIssue('must list each provider once');
    // Ignoring case, because resources and policies select tenants by their names in lower case.
    const tenants = list.flatMap((one) => ('tenant' in one ? [one.tenant.toLowerCase()] : []));
    if (hasDuplicates(tenants)) context.addIssue('must give each provider a tenant of its own');
  });

/** An identity provider other than Entra. */
export type Provider = z.output<typeof provider>;

/** The identity providers of built-in authentication. */
export interface Providers {
  /** By name, in lower case. */
  readonly others: ReadonlyMap<string, Provider>;
  /** What the sign-in with Entra in a browser may do for its people; `undefined`: not configured. */
  readonly entraSession: readonly Permission[] | undefined;
}

export const NO_PROVIDERS: Providers = { others: new Map(), entraSession: undefined };

/** The tenants that the file assigns. */
export function tenantsOfProviders({ others }: Providers): readonly CanonicalName[] {
  return [...others.values()].map(({ tenant }) => tenant);
}

/** A setting with the path of a JSON file that lists providers. Messages quote no values. */
export function providersFile(): z.ZodType<Providers, string> {
  return z.string().transform((path, context) => {
    const json = jsonOf(path);
    const { data, error } = providers.safeParse(json instanceof Error ? undefined : json);
    if (data !== undefined) {
      const others = data.filter((one) => 'tenant' in one);
      return {
        others: new Map(others.map((one) => [one.provider, one])),
        entraSession: data.find((one) => !('tenant' in one))?.permissions.client,
      };
    }
    if (json instanceof Error) {
      context.addIssue(`must be the path of a JSON file; it ${json.message}`);
      return z.NEVER;
    }
    for (const issue of error.issues) {
      const message = faultMessage(issue);
      context.addIssue(issue.path.length === 0 ? message : `${issue.path.join('.')}: ${message}`);
    }
    return z.NEVER;
  });
}

function jsonOf(path: string): unknown {
  try {
    return parseJsonFile(readFileSync(path));
  } catch (error) {
    if (error instanceof InvalidJson) return error;
    const code = errorCode(error) ?? 'unknown error';
    return new Error(`can not be read (${code})`);
  }
}

function hasDuplicates(names: readonly string[]): boolean {
  return new Set(names).size < names.length;
}
