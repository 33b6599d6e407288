import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { jsonSchemaOf } from '../http/endpoint.js';
import { problemDetails } from '../http/problem-details.js';

/** The OpenAPI document of all routes, from the schemas that validate requests. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const configuration = new DocumentBuilder()
    .setTitle('Communication identity service')
    .setDescription(
      'Issues Azure Communication Services access tokens to callers authenticated by Microsoft Entra ID, and records every issuance in a verifiable audit log.',
    )
    .setVersion('1')
    .setOpenAPIVersion('3.1.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }, 'entra')
    .build();
  const document = SwaggerModule.createDocument(app, configuration, {
    operationIdFactory: (controller, method) => `${nameOf(controller)}.${method}`,
  });
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ProblemDetails: jsonSchemaOf(problemDetails) },
  };
  return document;
}

/** `LogController` and `PublicLogController` have the same routes, so the same operation ids. */
function nameOf(controller: string): string {
  const name = controller.replace(/^Public/, '').replace(/Controller$/, '');
  return name.charAt(0).toLowerCase() + name.slice(1);
}
