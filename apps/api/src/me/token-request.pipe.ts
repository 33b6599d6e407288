import { Injectable, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { IssuancePolicy } from '#libs/token-issuance';
import { invalidRequest } from '../http/validation.pipe.js';
import { type TokenRequest, tokenRequest } from './token-request.js';

/** Reads a token request; which scopes there are is the policy's to say, so the schema is made here. */
@Injectable()
export class TokenRequestPipe implements PipeTransform<unknown, TokenRequest> {
  readonly #schema: z.ZodType<TokenRequest>;

  constructor(policy: IssuancePolicy) {
    const known = policy.knownScopes;
    const scope = z.enum([...known], { error: `is not one of ${known.join(', ')}` });
    this.#schema = tokenRequest.extend({
      scopes: z.array(scope).min(1, 'must name a scope, or be left out').max(16).optional(),
    });
  }

  /** @throws InvalidRequest with every fault */
  transform(body: unknown): TokenRequest {
    const result = this.#schema.safeParse(body ?? {});
    if (!result.success) throw invalidRequest(result.error.issues);
    return result.data;
  }
}
