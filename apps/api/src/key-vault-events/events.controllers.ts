import { createHash, timingSafeEqual } from 'node:crypto';
import { Body, Controller, Headers, Inject, Options, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  AuthenticationGuard,
  definePermission,
  type HttpRequest,
  TokenRejected,
} from '#libs/authentication';
import {
  isLongEnoughKey,
  keyVaultEventsSettings,
  type KeyVaultEventsSettings,
  SecretStore,
} from '#libs/secrets';
import { Endpoint, NO_CONTENT } from '../http/endpoint.js';
import { InvalidRequest } from '../http/request-errors.js';
import {
  ALLOWED_ORIGIN,
  ALLOWED_RATE,
  EVENT_GRID_ORIGIN,
  type EventGridEvents,
  eventGridEvents,
  EVENTS_ROUTE,
  type EventsAnswer,
  eventsAnswer,
  REQUEST_ORIGIN,
} from './event-grid.js';
import { KeyVaultEvents } from './key-vault-events.js';

const SEND_EVENTS = definePermission('KeyVaultEvent.Send');

const EVENT_GRID = 'Event Grid may add parameters, as it may add members to events';

const contract = {
  workload: 'reading',
  summary: 'Events of Azure Key Vault, by Azure Event Grid',
  description:
    'A new version of a secret in use is read from the vault at once, by all replicas. Takes both schemas of Event Grid, and answers the validation handshake of its own schema.',
  anyQueryBecause: EVENT_GRID,
  responses: { 200: eventsAnswer },
  problems: [400, 413, 415, 503],
} as const;

const handshake = {
  workload: 'reading',
  summary: 'The handshake of CloudEvents, by Azure Event Grid',
  description:
    'Says in `WebHook-Allowed-Origin` that Event Grid may send events. It gives no permission.',
  anyQueryBecause: EVENT_GRID,
  responses: { 200: NO_CONTENT },
  problems: [400],
} as const;

/** For KEY_VAULT_EVENTS=entra: Event Grid signs in as its service principal. */
@ApiTags('operations')
@Controller(EVENTS_ROUTE)
export class SignedInEventsController {
  constructor(private readonly events: KeyVaultEvents) {}

  @Options()
  @Endpoint({ publicBecause: 'Event Grid sends no token with it', ...handshake })
  agree(
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers(REQUEST_ORIGIN) origin: string | undefined,
  ): void {
    agreeWith(origin, reply);
  }

  @Post()
  @Endpoint({ permission: SEND_EVENTS, ...contract })
  async receive(@Body({ schema: eventGridEvents }) events: EventGridEvents): Promise<EventsAnswer> {
    return this.events.receive(events);
  }
}

/** For KEY_VAULT_EVENTS=key: the address that Event Grid calls has the key in its query. */
@ApiTags('operations')
@Controller(EVENTS_ROUTE)
export class KeyedEventsController {
  constructor(
    private readonly events: KeyVaultEvents,
    private readonly guard: AuthenticationGuard,
    private readonly secrets: SecretStore,
    @Inject(keyVaultEventsSettings.key) private readonly settings: KeyVaultEventsSettings,
  ) {}

  @Options()
  @Endpoint({
    publicBecause: 'requires the key of KEY_VAULT_EVENTS_KEY_SECRET in the query',
    ...handshake,
    problems: [...handshake.problems, 401, 429, 503],
  })
  async agree(
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Query('key') key: unknown,
    @Headers(REQUEST_ORIGIN) origin: string | undefined,
  ): Promise<void> {
    await this.#checkKey(key, request, reply);
    agreeWith(origin, reply);
  }

  @Post()
  @Endpoint({
    publicBecause: 'requires the key of KEY_VAULT_EVENTS_KEY_SECRET in the query',
    ...contract,
    problems: [...contract.problems, 401, 429],
  })
  async receive(
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Query('key') key: unknown,
    @Body({ schema: eventGridEvents }) events: EventGridEvents,
  ): Promise<EventsAnswer> {
    await this.#checkKey(key, request, reply);
    return this.events.receive(events);
  }

  async #checkKey(key: unknown, request: HttpRequest, reply: FastifyReply): Promise<void> {
    const secret = await this.secrets.current(this.settings.keySecret);
    if (typeof key === 'string' && isLongEnoughKey(secret) && areEqual(key, secret.value)) return;
    throw await this.guard.reject(new TokenRejected('event-key-wrong'), request, reply);
  }
}

/** Answers the handshake of CloudEvents. @throws InvalidRequest when Event Grid does not send it */
function agreeWith(origin: string | undefined, reply: FastifyReply): void {
  if (origin === undefined || !EVENT_GRID_ORIGIN.test(origin)) {
    const detail = 'must be the origin of Event Grid, such as eventgrid.azure.net';
    throw new InvalidRequest([{ pointer: REQUEST_ORIGIN, detail }]);
  }
  void reply.headers({ [ALLOWED_ORIGIN]: origin, [ALLOWED_RATE]: '*', allow: 'POST, OPTIONS' });
}

function areEqual(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
