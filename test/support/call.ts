import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import request, { type Response } from 'supertest';
import { expect } from 'vitest';
import { repositoryRoot } from './root.js';

type Content = Record<string, { readonly schema: object }>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: object & { readonly type?: string };
}

interface HeaderReference {
  readonly $ref: string;
}

interface Operation {
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Record<string, DocumentedResponse>;
}

interface DocumentedResponse {
  readonly headers?: Readonly<Record<string, HeaderReference>>;
  readonly content?: Content;
}

interface OpenApiDocument {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly headers: Readonly<Record<string, { readonly required?: boolean }>>;
  };
}

export interface CallOptions {
  /** Bearer token; without it the request has no authorization header. */
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Hostile: the document does not allow the request, and the api must not accept it. */
  readonly isUndocumented?: boolean;
}

/** The api has found a request wrong with these; tests of them need no `isUndocumented`. */
const REFUSED_AS_WRONG = [400, 413, 415];

const document = JSON.parse(
  readFileSync(`${repositoryRoot}docs/openapi.json`, 'utf8'),
) as OpenApiDocument;

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: 'openapi', components: document.components });
const compiled = new Map<object, ValidateFunction>();

/**
 * Calls the api and checks the exchange against docs/openapi.json: of the response its status, headers,
 * content type and body, of the request its path, query and body.
 *
 * @param path with its query, such as `/v1/identities?limit=2`
 */
export async function call(
  apiUrl: string,
  method: 'get' | 'post' | 'patch' | 'delete' | 'put',
  path: string,
  { token, body, headers = {}, isUndocumented = false }: CallOptions = {},
): Promise<Response> {
  const sent = request(apiUrl)[method](path).set(headers);
  if (token !== undefined) void sent.set('authorization', `Bearer ${token}`);
  const response = await (body === undefined ? sent : sent.send(body as object));
  const { pathname, searchParams } = new URL(path, apiUrl);
  const route = Object.keys(document.paths).find((pattern) => patternOf(pattern).test(pathname));
  if (route === undefined) {
    expect(response.status, `${pathname} is not a documented path`).toBe(404);
    return response;
  }
  const operation = document.paths[route]?.[method];
  const name = `${method} ${route}`;
  expectDocumentedResponse(name, operation, response);
  if (isUndocumented) {
    expect(response.ok, `${name} accepts what the document does not allow`).toBe(false);
  } else if (operation && !REFUSED_AS_WRONG.includes(response.status)) {
    const pathParameters = Object.entries(patternOf(route).exec(pathname)?.groups ?? {});
    expectDocumentedParameters(name, operation, 'path', pathParameters);
    expectDocumentedParameters(name, operation, 'query', [...searchParams]);
    expectDocumentedBody(name, operation, body);
  }
  return response;
}

/** @throws an assertion error when the document does not allow the response */
function expectDocumentedResponse(
  name: string,
  operation: Operation | undefined,
  response: Response,
): void {
  const documented = operation?.responses[String(response.status)];
  expect(documented, `${name} does not document ${response.status}`).toBeDefined();
  expectDocumentedHeaders(`response ${response.status} of ${name}`, documented, response);
  const { type } = response;
  if (documented?.content === undefined || response.text === '') return;
  const schema = documented.content[type]?.schema;
  expect(schema, `${name} does not document ${type} for ${response.status}`).toBeDefined();
  if (schema && type.endsWith('json')) {
    expectValid(`response ${response.status} of ${name}`, schema, response.body);
  }
}

/** @throws an assertion error when a required header is missing, or one of ours is not documented */
function expectDocumentedHeaders(
  what: string,
  documented: DocumentedResponse | undefined,
  { headers }: Response,
): void {
  const names = Object.keys(documented?.headers ?? {});
  for (const [name, { required = false }] of Object.entries(document.components.headers)) {
    const isSent = name.toLowerCase() in (headers as object);
    if (names.includes(name)) {
      if (required) expect(isSent, `${what} lacks the header ${name}`).toBe(true);
    } else {
      expect(isSent, `${what} has the header ${name}, and does not document it`).toBe(false);
    }
  }
}

/** @throws an assertion error when the document does not allow the parameters of this kind */
function expectDocumentedParameters(
  name: string,
  { parameters }: Operation,
  kind: Parameter['in'],
  sent: readonly (readonly [string, string])[],
): void {
  const documented = parameters.filter((parameter) => parameter.in === kind);
  for (const [key, values] of Map.groupBy(sent, ([one]) => one)) {
    const parameter = documented.find((one) => one.name === key);
    expect(parameter, `${name} does not document the ${kind} parameter ${key}`).toBeDefined();
    const [first, ...others] = values.map(([, value]) => value);
    // OpenAPI 3.1, Parameter Object: the default style repeats a parameter for each value of an array.
    const isList = others.length > 0 || parameter?.schema.type === 'array';
    const value = isList ? [first, ...others] : first;
    if (parameter) expectValid(`${kind} parameter ${key} of ${name}`, parameter.schema, value);
  }
  for (const { name: key, required = false } of documented) {
    const isSent = sent.some(([one]) => one === key);
    if (required) expect(isSent, `${name} requires the ${kind} parameter ${key}`).toBe(true);
  }
}

/** @throws an assertion error when the document does not allow the body */
function expectDocumentedBody(name: string, { requestBody }: Operation, body: unknown): void {
  const { required = false, content = {} } = requestBody ?? {};
  if (body === undefined) {
    expect(required, `${name} documents a request without a body`).toBe(false);
    return;
  }
  const schema = content['application/json']?.schema;
  expect(schema, `${name} documents no body`).toBeDefined();
  if (schema) expectValid(`request body of ${name}`, schema, body);
}

function expectValid(what: string, schema: object, value: unknown): void {
  const validate = validatorOf(schema);
  const isValid = validate(value);
  expect(isValid, `${what}: ${ajv.errorsText(validate.errors)}`).toBe(true);
}

/** @param route such as `/v1/identities/{id}`; its parameters are the groups of the pattern */
function patternOf(route: string): RegExp {
  const expression = route.replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)');
  return new RegExp(`^${expression}$`);
}

function validatorOf(schema: object): ValidateFunction {
  const known = compiled.get(schema);
  if (known) return known;
  // Its references point into the document, not into the schema.
  const rooted = JSON.stringify(schema).replaceAll('"#/', '"openapi#/');
  const validator = ajv.compile(JSON.parse(rooted) as object);
  compiled.set(schema, validator);
  return validator;
}
