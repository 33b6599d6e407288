import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { type CompatibilitySettings, compatibilitySettings } from '#libs/composition';
import {
  type IssuedToken,
  TeamsExchangeService,
  TokenIssuanceService,
  type TokenOptions,
} from '#libs/token-issuance';
import type { CurrentCall } from '../http/current-call.js';
import { setSunsetHeaders } from '../me/sunset-headers.js';

const expiringToken = {
  token: z.string().meta({ description: 'Opaque; `expiresOn` is its expiry.' }),
  expiresOn: z.iso.datetime(),
};

/** The result of the ACS SDK's `createUserAndToken`; `user.id` is the name in the SDK for .NET. */
export const sampleToken = z
  .strictObject({
    ...expiringToken,
    user: z.strictObject({ communicationUserId: z.string(), id: z.string() }),
  })
  .meta({ id: 'SampleToken' });

export type SampleToken = z.output<typeof sampleToken>;

/** What the routes have in common that issue a token and create the caller's identity on first use. */
export const ISSUES_TOKEN = {
  permission: 'CommunicationToken.Issue',
  workload: 'issuing',
  // Their GET as well: a page of another site could send it with a cookie.
  changesState: true,
  summary: 'Issues an ACS access token for the caller; creates the caller’s identity on first use',
  responses: { 200: sampleToken },
} as const;

/** The result of the ACS SDK's `getTokenForTeamsUser`. */
export const sampleTeamsToken = z.strictObject(expiringToken).meta({ id: 'SampleTeamsToken' });

export type SampleTeamsToken = z.output<typeof sampleTeamsToken>;

/** The caller of a route of a sample and its response. */
export interface SampleCall {
  readonly call: CurrentCall;
  readonly reply: FastifyReply;
}

/** Issues tokens in the shapes of Microsoft's samples, as the routes under `/v1/me` do in their own. */
@Injectable()
export class SampleTokens {
  constructor(
    private readonly tokens: TokenIssuanceService,
    private readonly teams: TeamsExchangeService,
    @Inject(compatibilitySettings.key) private readonly settings: CompatibilitySettings,
  ) {}

  /** What the samples give when the request names no scopes. */
  get defaults(): TokenOptions {
    return { scopes: this.settings.defaultScopes };
  }

  /** Creates the caller's identity on first use. */
  async issue(options: TokenOptions, { call, reply }: SampleCall): Promise<SampleToken> {
    return toSampleToken(await this.tokens.issueForCaller(options, call), reply);
  }

  /**
   * Creates no identity.
   *
   * @param ownId the identity that the request names
   * @throws OtherIdentity when it is not the caller's own
   */
  async reissue(
    options: TokenOptions,
    { call, reply }: SampleCall,
    ownId?: string,
  ): Promise<SampleToken> {
    return toSampleToken(await this.tokens.issueForMappedCaller(options, call, ownId), reply);
  }

  async exchange(teamsUserToken: string, call: CurrentCall): Promise<SampleTeamsToken> {
    const { token, expiresOn } = await this.teams.exchange(teamsUserToken, call);
    return { token, expiresOn: expiresOn.toISOString() };
  }
}

function toSampleToken(
  { token, expiresOn, mapping: { communicationUserId }, sunsets }: IssuedToken,
  reply: FastifyReply,
): SampleToken {
  setSunsetHeaders(reply, sunsets);
  const user = { communicationUserId, id: communicationUserId };
  return { token, expiresOn: expiresOn.toISOString(), user };
}
