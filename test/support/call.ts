import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import request, { type Response } from 'supertest';
import { expect } from 'vitest';

interface Operation {
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

interface OpenApiDocument {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: object;
}

export interface CallOptions {
  /** Bearer token; none is sent when absent. */
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const document = JSON.parse(
  readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'),
) as OpenApiDocument;

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: 'openapi', components: document.components });
const compiled = new Map<object, ValidateFunction>();

/**
 * Calls the api and holds its answer against the OpenAPI document: status, content type and shape.
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
  const answer = await (body === undefined ? sent : sent.send(body as object));
  expectDocumented(method, path, answer);
  return answer;
}

/** @throws an assertion error when the document does not allow this answer to this request */
function expectDocumented(method: string, path: string, answer: Response): void {
  const [pathname = ''] = path.split('?', 1);
  const route = Object.keys(document.paths).find((pattern) => matches(pattern, pathname));
  if (route === undefined) {
    expect(answer.status, `${pathname} is not a documented path`).toBe(404);
    return;
  }
  const documented = document.paths[route]?.[method]?.responses[String(answer.status)];
  expect(documented, `${method} ${route} does not document ${answer.status}`).toBeDefined();
  const type = answer.type;
  const schema = documented?.content?.[type]?.schema;
  if (documented?.content === undefined || answer.text === '') return;
  expect(schema, `${method} ${route} does not document ${type} for ${answer.status}`).toBeDefined();
  if (!schema || !type.endsWith('json')) return;
  const validate = validatorOf(schema);
  expect(validate(answer.body), ajv.errorsText(validate.errors)).toBe(true);
}

function matches(pattern: string, pathname: string): boolean {
  const expression = pattern.replaceAll('.', '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+');
  return new RegExp(`^${expression}$`).test(pathname);
}

function validatorOf(schema: object): ValidateFunction {
  const known = compiled.get(schema);
  if (known) return known;
  const validator = ajv.compile(rooted(schema));
  compiled.set(schema, validator);
  return validator;
}

/** References of the document lead to its components. */
function rooted(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object;
}
