import { applyDecorators, Header, HttpCode } from '@nestjs/common';
import { ApiBody, type ApiBodyOptions, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import {
  CLIENT_APIS,
  type ClientExchange,
  type Permission,
  Public,
  RequireClientExchange,
  RequirePermission,
  RequireSignIn,
} from '#libs/authentication';
import { DeclareWorkload, type Workload } from '../workload/workload.js';
import { AnyQuery } from './declared-input.js';
import { type ResponseHeader, responseHeaders } from './response-headers.js';

/** JSON Schema 2020-12, with the keywords that the type of @nestjs/swagger lacks. */
type SchemaObject = Extract<ApiBodyOptions, { schema: unknown }>['schema'] & {
  readonly contentMediaType?: string;
  readonly contentSchema?: object;
};

/**
 * Who may call an endpoint: holders of a permission, users with a token for the API of an exchange, every
 * authenticated caller, or everyone for a reason.
 */
type Access =
  | {
      readonly permission: Permission;
      readonly delegatedOnly?: boolean;
      readonly changesState?: boolean;
    }
  | { readonly exchange: ClientExchange }
  | { readonly isForSignedIn: true }
  | { readonly publicBecause: string };

/** The request and responses of an endpoint, as the OpenAPI document shows them. */
export interface EndpointContract {
  /** Whose places and connections its requests use. */
  readonly workload: Workload;
  readonly summary: string;
  readonly description?: string;
  /** Default: `controller.method`. */
  readonly operationId?: string;
  /**
   * Schema of a JSON body that may be left out. `@Body({ schema })` documents one that may not.
   * With an id, it is one of the `REFERENCED_SCHEMAS` of the document.
   */
  readonly optionalBody?: z.ZodType;
  /** Why unknown parameters are ignored. Without it, a parameter that no `@Query` reads is refused. */
  readonly anyQueryBecause?: string;
  /** Successful responses by status. The lowest status is sent unless the method sets another. */
  readonly responses: Readonly<Record<number, z.ZodType | Content>>;
  /** Headers of successful responses, in addition to those of all. */
  readonly headers?: readonly ResponseHeader[];
  /** Statuses of problem details, in addition to those of the guard. */
  readonly problems?: readonly number[];
  /** `Cache-Control` of successful responses. Default `no-store`. */
  readonly cacheControl?: string;
}

/** A response body that is not one JSON document. */
export interface Content {
  readonly mediaTypes: readonly string[];
  readonly schema: SchemaObject;
  readonly description?: string;
  /** `Content-Type` of the response, where the method does not set it. */
  readonly contentType?: string;
}

export const TEXT: Content = {
  mediaTypes: ['text/plain'],
  schema: { type: 'string' },
  contentType: 'text/plain; charset=utf-8',
};

/** 204 */
export const NO_CONTENT: Content = { mediaTypes: [], schema: {} };

export const BYTES: Content = {
  mediaTypes: ['application/octet-stream'],
  schema: {},
  contentType: 'application/octet-stream',
};

/** The guard's statuses: ambiguous or missing credentials, rate limit, outage. */
const SIGN_IN_PROBLEMS = [400, 401, 429, 503];

const PROBLEM_DESCRIPTIONS: Readonly<Record<number, string>> = {
  400: 'The request is not valid.',
  401: 'The caller is not authenticated.',
  403: 'The caller may not do this.',
  404: 'It does not exist, or the caller may not see it.',
  409: 'The request conflicts with the stored state.',
  410: 'It is no longer stored.',
  412: 'The identity has changed since it was read.',
  413: 'The body is too large.',
  415: 'The content type of the body is not supported.',
  429: 'Too many requests. Repeat after `Retry-After`.',
  503: 'A dependency is unavailable. Repeat after `Retry-After`.',
};

/**
 * Declares everything about a route except its method and path: access rule, workload, status, headers
 * and documentation. Access rule and workload are required properties, so that a route without them does
 * not compile.
 */
export function Endpoint(endpoint: Access & EndpointContract): MethodDecorator {
  const { summary, operationId, optionalBody, responses, headers = [], problems = [] } = endpoint;
  const { anyQueryBecause } = endpoint;
  const successes = Object.entries(responses).map(
    ([status, body]) => [Number(status), body] as const,
  );
  const allProblems = new Set([...problems, ...guardProblemsOf(endpoint)]);
  return applyDecorators(
    accessDecoratorOf(endpoint),
    DeclareWorkload(endpoint.workload),
    ApiOperation({
      summary,
      description: [accessOf(endpoint), endpoint.description].filter(Boolean).join('\n\n'),
      // OpenAPI 3.1, Security Requirement Object: for a bearer scheme, names of required roles.
      security: securityOf(endpoint),
      ...(operationId !== undefined && { operationId }),
    }),
    ...(optionalBody ? [ApiBody({ required: false, schema: referenceTo(optionalBody) })] : []),
    ...(anyQueryBecause === undefined ? [] : [AnyQuery(anyQueryBecause)]),
    HttpCode(Math.min(...successes.map(([status]) => status))),
    Header('cache-control', endpoint.cacheControl ?? 'no-store'),
    ...successes.flatMap(([status, body]) => success(status, body, headers)),
    ...[...allProblems].map(problem),
  );
}

function accessDecoratorOf(access: Access): MethodDecorator {
  if ('permission' in access) return RequirePermission(access.permission, access);
  if ('exchange' in access) return RequireClientExchange(access.exchange);
  return 'isForSignedIn' in access ? RequireSignIn() : Public(access.publicBecause);
}

function guardProblemsOf(access: Access): readonly number[] {
  if ('permission' in access || 'exchange' in access) return [...SIGN_IN_PROBLEMS, 403];
  return 'isForSignedIn' in access ? SIGN_IN_PROBLEMS : [];
}

function securityOf(access: Access): Record<string, string[]>[] {
  if ('permission' in access) return [{ entra: [access.permission] }];
  if ('exchange' in access) return [{ exchange: [CLIENT_APIS[access.exchange].scopes[0]] }];
  return 'isForSignedIn' in access ? [{ entra: [] }] : [];
}

/** What a caller needs, in words. */
function accessOf(access: Access): string {
  if ('isForSignedIn' in access) return 'Requires a token, and no permission.';
  if ('exchange' in access) {
    const [scope] = CLIENT_APIS[access.exchange].scopes;
    return `Requires the scope \`${scope}\` of an API of Microsoft, in a token of a user for that API.`;
  }
  if (!('permission' in access)) return 'Needs no token.';
  const caller = access.delegatedOnly === true ? ', in a token of a user' : '';
  return `Requires the permission \`${access.permission}\`${caller}.`;
}

function success(
  status: number,
  body: z.ZodType | Content,
  names: readonly ResponseHeader[],
): MethodDecorator[] {
  const headers = responseHeaders(status, names);
  if (body instanceof z.ZodType) {
    return [ApiResponse({ status, description: 'Success.', headers, standardSchema: body })];
  }
  const { mediaTypes, schema, contentType, description = 'Success.' } = body;
  const content = Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema }]));
  return [
    ApiResponse({ status, description, headers, content }),
    ...(contentType === undefined ? [] : [Header('content-type', contentType)]),
  ];
}

function problem(status: number): MethodDecorator {
  return ApiResponse({
    status,
    description: PROBLEM_DESCRIPTIONS[status] ?? 'Refused.',
    headers: responseHeaders(status),
    content: {
      'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemDetails' } },
    },
  });
}

function referenceTo(schema: z.ZodType): SchemaObject | { readonly $ref: string } {
  const name = schema.meta()?.id;
  return name === undefined ? jsonSchemaOf(schema) : { $ref: `#/components/schemas/${name}` };
}

/** The JSON Schema of a zod schema, for places that accept no Standard Schema. */
export function jsonSchemaOf(schema: z.ZodType): SchemaObject {
  const name = schema.meta()?.id;
  const { $schema: _dialect, $defs, id: _id, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  const named = name === undefined ? undefined : $defs?.[name];
  const { id: _name, ...inlined } = named ?? rest;
  return inlined as SchemaObject; // both are JSON Schema 2020-12, typed by two libraries
}
