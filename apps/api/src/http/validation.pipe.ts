import { StandardSchemaValidationPipe } from '@nestjs/common';
import { InvalidRequest } from './request-errors.js';

type Issues = Parameters<
  NonNullable<
    NonNullable<ConstructorParameters<typeof StandardSchemaValidationPipe>[0]>['exceptionFactory']
  >
>[0];

/** Checks whatever a route declared a schema for; the refusal lists every fault with its place. */
export function validationPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({ exceptionFactory: invalidRequest });
}

/** @param issues as a Standard Schema library gives them */
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
