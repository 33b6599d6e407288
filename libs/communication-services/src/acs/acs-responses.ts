import { z } from 'zod';
import { canonicalGuid, type CommunicationUserId, parseCommunicationUserId } from '#libs/platform';
import {
  type AssignmentHolder,
  type EntraExchange,
  isSameContent,
  type TeamsPhoneAssignment,
} from '../communication-identity-gateway.js';
import type { CommunicationResource } from '../resources/communication-resources.js';
import { ForeignResource, InvalidResponse } from './upstream-failure.js';

const token = z.object({
  token: z
    .string()
    .min(1)
    .max(16_384)
    .regex(/^[\x21-\x7e]+$/),
  expiresOn: z.date(),
});
const user = z.object({ communicationUserId: z.string().max(256) });
const exchanged = z.object({
  identity: z.object({ id: z.string().max(256) }),
  // As text, with an offset: no SDK has read it.
  accessToken: z.object({ token: z.string(), expiresOn: z.coerce.date() }),
});

const assignment = z.object({
  tenantId: z.string(),
  objectId: z.string(),
  principalType: z.string(),
  clientIds: z.array(z.guid().transform(canonicalGuid)).nullish(),
});

/** ACS's longest lifetime, and an hour for the difference of clocks. */
const MAX_LIFETIME_MS = 25 * 3_600_000;
/** The claims that show for whom a token is. Clients must treat tokens as opaque, so both may be absent. */
const tokenClaims = z.object({ skypeid: z.string().optional(), exp: z.number().optional() });

type TokenOf = z.output<typeof token> & { readonly communicationUserId: CommunicationUserId };

/** Validates ACS's responses like any other input. */
export class AcsResponses {
  constructor(
    private readonly resource: CommunicationResource,
    private readonly nowMs: number,
  ) {}

  /**
   * @param owner id of the identity that the token must be for
   * @throws InvalidResponse also when the token has expired, lives longer than any token of ACS, or
   *   is another identity's
   */
  token(response: unknown, owner: string): z.output<typeof token> {
    const result = token.safeParse(response);
    if (!result.success) throw new InvalidResponse('no usable token');
    const lifetimeMs = result.data.expiresOn.getTime() - this.nowMs;
    if (lifetimeMs <= 0) throw new InvalidResponse('the token has expired');
    if (lifetimeMs > MAX_LIFETIME_MS) throw new InvalidResponse('the token lives too long');
    const { skypeid, exp } = claimsOf(result.data.token);
    if (skypeid !== undefined && `8:${skypeid}`.toLowerCase() !== owner.toLowerCase()) {
      throw new InvalidResponse('the token is for another identity');
    }
    if (exp !== undefined && exp * 1000 <= this.nowMs) {
      throw new InvalidResponse('the token has expired');
    }
    return result.data;
  }

  /**
   * The token of a Teams user, and the user's id as the token has it. A token that does not say it is one
   * of the public cloud.
   *
   * @throws InvalidResponse as `token`
   */
  teamsToken(response: unknown, objectId: string): TokenOf {
    const { skypeid } = claimsOf(token.safeParse(response).data?.token ?? '');
    const user = parseCommunicationUserId(
      skypeid === undefined ? `8:orgid:${objectId}` : `8:${skypeid}`,
    );
    if (user?.kind !== 'teamsUser' || user.user !== canonicalGuid(objectId)) {
      throw new InvalidResponse('the token is for another identity');
    }
    return { ...this.token(response, user.id), communicationUserId: user.id };
  }

  /**
   * @throws InvalidResponse as `token`, also when the token is another user's
   * @throws ForeignResource when it is of another resource
   */
  exchanged(response: unknown, { exchange, tenant, objectId }: EntraExchange): TokenOf {
    const { data } = exchanged.safeParse(response);
    const user = data && parseCommunicationUserId(data.identity.id);
    const isUsers =
      data !== undefined &&
      user?.kind === (exchange === 'entra' ? 'entraUser' : 'teamsExtensionUser') &&
      user.tenant === tenant &&
      user.user === objectId;
    if (!isUsers) throw new InvalidResponse('no token of the user');
    this.#assertOfResource(user.resource);
    return { ...this.token(data.accessToken, user.id), communicationUserId: user.id };
  }

  /** As `token`, but without a usable token empty: the identity that came with it must not be lost. */
  tokenIfUsable(response: unknown, owner: string): z.output<typeof token> | Record<string, never> {
    try {
      return this.token(response, owner);
    } catch (error) {
      if (error instanceof InvalidResponse) return {};
      throw error;
    }
  }

  /** @throws InvalidResponse also when the assignment is another holder's */
  assignment(response: unknown, { tenant, objectId }: AssignmentHolder): TeamsPhoneAssignment {
    const result = assignment.safeParse(response);
    if (!result.success) throw new InvalidResponse('no assignment');
    const { principalType, clientIds, ...holder } = result.data;
    const isHolders =
      canonicalGuid(holder.tenantId) === tenant && canonicalGuid(holder.objectId) === objectId;
    if (!isHolders) throw new InvalidResponse('the assignment is of another principal');
    const name = principalType.toLowerCase();
    const isResourceAccount = RESOURCE_ACCOUNT.has(name);
    if (name !== 'user' && !isResourceAccount) throw new InvalidResponse('an unknown principal');
    return {
      ...{ tenant, objectId },
      principalType: isResourceAccount ? 'teamsResourceAccount' : 'user',
      clientIds: (clientIds ?? []).filter((id) => id !== undefined),
    };
  }

  /**
   * The answer to a change confirms the assignment that was sent, and no other.
   *
   * @throws InvalidResponse as `assignment`, also when its type or its applications differ
   */
  storedAssignment(response: unknown, sent: TeamsPhoneAssignment): TeamsPhoneAssignment {
    const stored = this.assignment(response, sent);
    if (!isSameContent(stored, sent))
      throw new InvalidResponse('the assignment is not the one that was sent');
    return stored;
  }

  /** @throws ForeignResource when the identity is of another resource */
  user(response: unknown): { readonly communicationUserId: CommunicationUserId } {
    const result = user.safeParse(response);
    const id = result.data && parseCommunicationUserId(result.data.communicationUserId);
    if (id?.kind !== 'acsUser') throw new InvalidResponse('no identity of ACS');
    this.#assertOfResource(id.resource);
    return { communicationUserId: id.id };
  }

  #assertOfResource(id: string): void {
    if (id !== this.resource.immutableResourceId) throw new ForeignResource(id, this.resource);
  }
}

/** The names of a resource account in the versions of the API, in lower case. */
const RESOURCE_ACCOUNT: ReadonlySet<string> = new Set(['teamsresourceaccount', 'resourceaccount']);

/** The claims of a token that is a JWT; of any other none. The signature is not verified. */
function claimsOf(text: string): z.output<typeof tokenClaims> {
  const [, payload = '', signature] = text.split('.');
  if (signature === undefined) return {};
  try {
    const json: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return tokenClaims.safeParse(json).data ?? {};
  } catch {
    return {};
  }
}
