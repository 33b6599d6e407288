import { z } from 'zod';
import type { ServiceRequest } from '../route.js';
import { invalid, requiredField } from './acs-errors.js';

export const TOKEN_SCOPES = [
  'chat',
  'voip',
  'chat.join',
  'chat.join.limited',
  'voip.join',
] as const;

const createSchema = z.object({
  createTokenWithScopes: z.array(z.string()).nullish(),
  expiresInMinutes: z.number().nullish(),
});
const issueSchema = z.object({
  scopes: z.array(z.string()).nullish(),
  expiresInMinutes: z.number().nullish(),
});
const exchangeSchema = z.object({
  token: z.string().nullish(),
  appId: z.string().nullish(),
  userId: z.string().nullish(),
});

const assignmentSchema = z.object({
  principalType: z.string().nullish(),
  clientIds: z.array(z.guid()).nullish(),
});

const DEFAULT_LIFETIME_MINUTES = 1440;

/** The requested token. */
export interface TokenRequest {
  /** Empty: no token is requested. */
  readonly scopes: readonly string[];
  readonly lifetimeMinutes: number;
}

/** Reads the body of `POST /identities`. */
export function readCreate(request: ServiceRequest): TokenRequest {
  if (request.body.length === 0) return { scopes: [], lifetimeMinutes: DEFAULT_LIFETIME_MINUTES };
  const body = readJson(request, createSchema);
  const scopes = body.createTokenWithScopes ?? [];
  checkScopes(scopes, 'CreateTokenWithScopes');
  return { scopes, lifetimeMinutes: readLifetime(body.expiresInMinutes) };
}

/** Whether `POST /identities` requests a token, as far as its body can be read. */
export function wantsToken(request: ServiceRequest): boolean {
  try {
    return readCreate(request).scopes.length > 0;
  } catch {
    return request.body.includes('createTokenWithScopes');
  }
}

/** Reads the body of `:issueAccessToken`. */
export function readIssue(request: ServiceRequest): TokenRequest {
  const body = readJson(request, issueSchema);
  const scopes = body.scopes ?? [];
  if (scopes.length === 0) throw requiredField('Scopes');
  checkScopes(scopes, 'Scopes');
  return { scopes, lifetimeMinutes: readLifetime(body.expiresInMinutes) };
}

/** Reads the body of `:exchangeAccessToken`. */
export function readExchange(request: ServiceRequest): {
  readonly token: string;
  readonly appId: string;
  readonly userId: string;
} {
  const { token, appId, userId } = readJson(request, exchangeSchema);
  if (token === undefined || token === null) throw requiredField('Token');
  if (appId === undefined || appId === null || appId === '') throw requiredField('AppId');
  if (userId === undefined || userId === null || userId === '') throw requiredField('UserId');
  return { token, appId, userId };
}

/** Reads the body of `PUT …/assignments/{objectId}`. */
export function readAssignment(request: ServiceRequest): {
  readonly principalType: string;
  readonly clientIds: readonly string[];
} {
  const { principalType, clientIds } = readJson(request, assignmentSchema);
  if (principalType === undefined || principalType === null || principalType === '') {
    throw requiredField('PrincipalType');
  }
  return { principalType, clientIds: clientIds ?? [] };
}

function readLifetime(given: number | null | undefined): number {
  const minutes = given ?? DEFAULT_LIFETIME_MINUTES;
  if (Number.isInteger(minutes) && minutes >= 60 && minutes <= 1440) return minutes;
  throw invalid(
    `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`,
    'ExpiresInMinutes',
  );
}

function checkScopes(scopes: readonly string[], field: string): void {
  const unknown = scopes.find((scope) => !(TOKEN_SCOPES as readonly string[]).includes(scope));
  if (unknown === undefined) return;
  throw invalid(`${field}: The value '${unknown}' is not a valid scope.`, field);
}

function readJson<Schema extends z.ZodType>(
  request: ServiceRequest,
  schema: Schema,
): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(request.body.toString()));
  } catch {
    throw invalid('The request body is not valid.', 'body');
  }
}
