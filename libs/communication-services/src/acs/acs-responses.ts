import { z } from 'zod';
import type { CommunicationResource } from '../resources/communication-resources.js';
import { SenselessAnswer } from './upstream-failure.js';

const token = z.object({
  token: z
    .string()
    .min(1)
    .max(16_384)
    .regex(/^[\x21-\x7e]+$/),
  expiresOn: z.date(),
});
const user = z.object({ communicationUserId: z.string().max(256) });

/** Reads ACS's answers as one reads any input from outside. */
export class AcsAnswers {
  constructor(
    private readonly resource: CommunicationResource,
    private readonly nowMs: number,
  ) {}

  /** @throws SenselessAnswer */
  token(answer: unknown): z.output<typeof token> {
    const result = token.safeParse(answer);
    const isUsable = result.success && result.data.expiresOn.getTime() > this.nowMs;
    if (!isUsable) throw new SenselessAnswer('no usable token');
    return result.data;
  }

  /** @throws SenselessAnswer also when the identity belongs to another resource than configured */
  user(answer: unknown): z.output<typeof user> {
    const result = user.safeParse(answer);
    const prefix = `8:acs:${this.resource.immutableResourceId}_`;
    const isOurs =
      result.success && result.data.communicationUserId.toLowerCase().startsWith(prefix);
    if (!isOurs) throw new SenselessAnswer('no identity of the configured resource');
    return result.data;
  }
}
