import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { faultMessage } from '#libs/platform';
import { InvalidRequest } from './request-errors.js';

type Issues = Parameters<
  NonNullable<
    NonNullable<ConstructorParameters<typeof StandardSchemaValidationPipe>[0]>['exceptionFactory']
  >
>[0];

/** Leaves members such as `constructor` to the schemas, which refuse them. Nest removes them before. */
class SchemaPipe extends StandardSchemaValidationPipe {
  protected override stripProtoKeys(): void {
    // nothing is removed
  }
}

/** Validates every parameter that a route declares a schema for. The problem lists every fault. */
export function validationPipe(): StandardSchemaValidationPipe {
  return new SchemaPipe({ exceptionFactory: invalidRequest });
}

/** @param issues of a Standard Schema library */
export function invalidRequest(issues: Issues): InvalidRequest {
  return new InvalidRequest(
    issues.flatMap((issue) => {
      const { path = [] } = issue;
      const places = unknownMembers(issue).map((name) => [...path, name]);
      return (places.length > 0 ? places : [path]).map((place) => ({
        pointer: pointerOf(place),
        // Every schema is one of zod.
        detail: faultMessage(issue as z.core.$ZodIssue),
      }));
    }),
  );
}

/** The members that a schema of zod does not have. Its issue is that of the object around them. */
function unknownMembers(issue: Issues[number]): readonly string[] {
  const { code, keys } = issue as { readonly code?: unknown; readonly keys?: unknown };
  return code === 'unrecognized_keys' && Array.isArray(keys) ? keys.map(String) : [];
}

/** RFC 6901. */
function pointerOf(path: NonNullable<Issues[number]['path']>): string {
  return path
    .map((step) => String(typeof step === 'object' ? step.key : step))
    .map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}
