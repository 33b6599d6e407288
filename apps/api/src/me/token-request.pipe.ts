import { Injectable, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { IssuancePolicies } from '#libs/token-issuance';
import { invalidRequest } from '../http/validation.pipe.js';
import { type TokenRequest, tokenRequest } from './token-request.js';

/** Validates a token request. The known scopes are those of the policy in force. */
@Injectable()
export class TokenRequestPipe implements PipeTransform<unknown, TokenRequest> {
  #version: string | undefined;
  #schema: z.ZodType<TokenRequest> = tokenRequest;

  constructor(private readonly policies: IssuancePolicies) {}

  /** @throws InvalidRequest with every fault */
  transform(body: unknown): TokenRequest {
    const result = this.#schemaInForce().safeParse(body === undefined ? {} : body);
    if (!result.success) throw invalidRequest(result.error.issues);
    return result.data;
  }

  #schemaInForce(): z.ZodType<TokenRequest> {
    const { version, knownScopes } = this.policies.current;
    if (version === this.#version) return this.#schema;
    const scope = z.enum([...knownScopes], { error: `is not one of ${knownScopes.join(', ')}` });
    this.#schema = tokenRequest.extend({
      scopes: z.array(scope).min(1, 'must name a scope, or be absent').max(16).optional(),
    });
    this.#version = version;
    return this.#schema;
  }
}
