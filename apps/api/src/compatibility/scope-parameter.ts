import { Injectable, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { invalidRequest } from '../http/validation.pipe.js';
import type { TokenRequest } from '../me/token-request.js';
import { TokenRequestPipe } from '../me/token-request.pipe.js';

/** Scopes as the samples send them: separated by commas, in the query or in the body. */
export const scopeParameter = z.strictObject({
  scope: z
    .string()
    .max(1_024, 'must have at most 1024 characters')
    .optional()
    .meta({ description: 'Names of scopes, separated by commas.', example: 'voip,chat' }),
});

/** Reads the scopes of a request; known are those of the policy in force. */
@Injectable()
export class ScopeParameterPipe implements PipeTransform<unknown, TokenRequest> {
  constructor(private readonly requests: TokenRequestPipe) {}

  /** @throws InvalidRequest */
  transform(value: unknown): TokenRequest {
    const { data, error } = scopeParameter.safeParse(value ?? {});
    if (error) throw invalidRequest(error.issues);
    const scopes = (data.scope ?? '').split(',').map((name) => name.trim());
    return scopes.join('') === '' ? {} : this.requests.transform({ scopes });
  }
}
