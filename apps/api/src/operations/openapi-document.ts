import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { jsonSchemaOf } from '../http/endpoint.js';
import { problemDetails } from '../http/problem-details.js';
import { RESPONSE_HEADERS } from '../http/response-headers.js';
import { tokenRequest } from '../me/token-request.js';

const TAGS = {
  me: 'Operations of callers on their own communication identity.',
  identities: 'Identities of the caller’s tenant, and their tokens.',
  revocations: 'Revoking the tokens of many identities of the caller’s tenant at once.',
  'teams-phone': 'Who may use Teams Phone extensibility.',
  'client-exchange':
    'What Microsoft’s client library requests of ACS: user tokens for Entra tokens.',
  visitors: 'Visitors, who have an invitation and no sign-in.',
  policy: 'Dry runs of the issuance policy.',
  audit: 'Reading the audit log, and erasing personal data stored beside it.',
  'audit-log': 'The audit log for verifiers: checkpoints, tiles and keys of C2SP tlog-tiles.',
  operations: 'For load balancers and orchestrators.',
};

/** Schemas of which the document has references that Nest does not resolve. */
const REFERENCED_SCHEMAS = { ProblemDetails: problemDetails, TokenRequest: tokenRequest };

/** The OpenAPI document of all routes, from the schemas that validate requests. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const configuration = new DocumentBuilder()
    .setTitle('Communication identity service')
    .setDescription(
      'Issues Azure Communication Services access tokens to callers authenticated by Microsoft Entra ID, and records every issuance in a verifiable audit log.',
    )
    .setVersion('1')
    .setLicense('MIT', 'https://spdx.org/licenses/MIT.html')
    .setOpenAPIVersion('3.1.0')
    .addServer('/', 'The service that shows this document')
    .addBearerAuth(
      {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'An access token of Entra ID for this service. The roles of an operation are the permission that the token must contain.',
      },
      'entra',
    )
    .addBearerAuth(
      {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'An access token of Entra ID for an API of Microsoft, by which its client library requests tokens of ACS. The roles of an operation are the delegated scope that the token must contain.',
      },
      'exchange',
    )
    .build();
  const { components, ...document } = SwaggerModule.createDocument(app, configuration, {
    operationIdFactory: (controller, method) => `${nameOf(controller)}.${method}`,
  });
  const referenced = Object.entries(REFERENCED_SCHEMAS).map(
    ([name, schema]) => [name, jsonSchemaOf(schema)] as const,
  );
  return plain({
    ...document,
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    components: {
      ...components,
      headers: RESPONSE_HEADERS,
      schemas: { ...components?.schemas, ...Object.fromEntries(referenced) },
    },
  });
}

/** `LogController` and `PublicLogController` have the same routes, so the same operation ids. */
function nameOf(controller: string): string {
  const name = controller.replace(/^Public/, '').replace(/Controller$/, '');
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/**
 * Without the empty contact that Nest adds, without `allOf` around a single reference, and without patterns beside a
 * format: they say the same, and generators give both to their users.
 */
function plain(document: OpenAPIObject): OpenAPIObject {
  const text = JSON.stringify(document, (name, value: unknown) => {
    if (name === 'contact') return undefined;
    if (typeof value !== 'object' || value === null) return value;
    if ('allOf' in value && Array.isArray(value.allOf) && value.allOf.length === 1)
      return value.allOf[0] as unknown;
    const { pattern: _pattern, ...rest } = value as { readonly pattern?: unknown };
    return 'format' in value && typeof value.format === 'string' && !Array.isArray(value)
      ? rest
      : value;
  });
  return JSON.parse(text) as OpenAPIObject; // the same document
}
