import { StandardSchemaValidationPipe } from '@nestjs/common';
import { InvalidRequest } from './request-errors.js';

type Issues = Parameters<
  NonNullable<
    NonNullable<ConstructorParameters<typeof StandardSchemaValidationPipe>[0]>['exceptionFactory']
  >
>[0];

/** Validates every parameter that a route declares a schema for. The problem lists every fault. */
export function validationPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({ exceptionFactory: invalidRequest });
}

/** @param issues of a Standard Schema library */
export function invalidRequest(issues: Issues): InvalidRequest {
  return new InvalidRequest(
    issues.map(({ message, path = [] }) => ({ pointer: pointerOf(path), detail: message })),
  );
}

/** RFC 6901. */
function pointerOf(path: NonNullable<Issues[number]['path']>): string {
  return path
    .map((step) => String(typeof step === 'object' ? step.key : step))
    .map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}
