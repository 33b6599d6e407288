import { z } from 'zod';
import {
  canonicalCommunicationUserId,
  type CommunicationUserId,
  resourceIdOf,
} from '#libs/platform';
import type { CommunicationResource } from '../resources/communication-resources.js';
import { InvalidResponse } from './upstream-failure.js';

const token = z.object({
  token: z
    .string()
    .min(1)
    .max(16_384)
    .regex(/^[\x21-\x7e]+$/),
  expiresOn: z.date(),
});
const user = z.object({ communicationUserId: z.string().max(256) });

/** Validates ACS's responses like any other input. */
export class AcsResponses {
  constructor(
    private readonly resource: CommunicationResource,
    private readonly nowMs: number,
  ) {}

  /** @throws InvalidResponse also when the token has expired */
  token(response: unknown): z.output<typeof token> {
    const result = token.safeParse(response);
    const isUsable = result.success && result.data.expiresOn.getTime() > this.nowMs;
    if (!isUsable) throw new InvalidResponse('no usable token');
    return result.data;
  }

  /** @throws InvalidResponse also when the identity is not of the configured resource */
  user(response: unknown): { readonly communicationUserId: CommunicationUserId } {
    const result = user.safeParse(response);
    const id = result.data && canonicalCommunicationUserId(result.data.communicationUserId);
    if (id === undefined || resourceIdOf(id) !== this.resource.immutableResourceId)
      throw new InvalidResponse('no identity of the configured resource');
    return { communicationUserId: id };
  }
}
