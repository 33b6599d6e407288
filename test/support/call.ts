import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import request, { type Response } from 'supertest';
import { expect } from 'vitest';
import { repositoryRoot } from './root.js';

type Content = Record<string, { readonly schema: object }>;

interface Operation {
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Record<string, { readonly content?: Content }>;
}

interface OpenApiDocument {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: object;
}

export interface CallOptions {
  /** Bearer token; without it the request has no authorization header. */
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const document = JSON.parse(
  readFileSync(`${repositoryRoot}docs/openapi.json`, 'utf8'),
) as OpenApiDocument;

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: 'openapi', components: document.components });
const compiled = new Map<object, ValidateFunction>();

/**
 * Calls the api and checks the exchange against docs/openapi.json: status, content type and body of
 * the response, and the body of a request that was successful.
 *
 * @param path with its query, such as `/v1/identities?limit=2`
 */
export async function call(
  apiUrl: string,
  method: 'get' | 'post' | 'patch' | 'delete' | 'put',
  path: string,
  { token, body, headers = {} }: CallOptions = {},
): Promise<Response> {
  const sent = request(apiUrl)[method](path).set(headers);
  if (token !== undefined) void sent.set('authorization', `Bearer ${token}`);
  const response = await (body === undefined ? sent : sent.send(body as object));
  const [pathname = ''] = path.split('?', 1);
  const route = Object.keys(document.paths).find((pattern) => matches(pattern, pathname));
  if (route === undefined) {
    expect(response.status, `${pathname} is not a documented path`).toBe(404);
    return response;
  }
  const operation = document.paths[route]?.[method];
  const name = `${method} ${route}`;
  expectDocumentedResponse(name, operation, response);
  if (response.ok) expectDocumentedRequest(name, operation, body);
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
  const { type } = response;
  if (documented?.content === undefined || response.text === '') return;
  const schema = documented.content[type]?.schema;
  expect(schema, `${name} does not document ${type} for ${response.status}`).toBeDefined();
  if (schema && type.endsWith('json')) {
    expectValid(`response ${response.status} of ${name}`, schema, response.body);
  }
}

/** @throws an assertion error when the document does not allow the body, which the api accepted */
function expectDocumentedRequest(
  name: string,
  operation: Operation | undefined,
  body: unknown,
): void {
  const { required = false, content = {} } = operation?.requestBody ?? {};
  if (body === undefined) {
    expect(required, `${name} accepts a request without a body, which it documents`).toBe(false);
    return;
  }
  const schema = content['application/json']?.schema;
  expect(schema, `${name} accepts a body, but documents none`).toBeDefined();
  if (schema) expectValid(`request body of ${name}`, schema, body);
}

function expectValid(what: string, schema: object, value: unknown): void {
  const validate = validatorOf(schema);
  const isValid = validate(value);
  expect(isValid, `${what}: ${ajv.errorsText(validate.errors)}`).toBe(true);
}

function matches(pattern: string, pathname: string): boolean {
  const expression = pattern.replaceAll('.', '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+');
  return new RegExp(`^${expression}$`).test(pathname);
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
