import { createHash, timingSafeEqual } from 'node:crypto';
import { Body, Controller, Inject, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  AuthenticationGuard,
  definePermission,
  type HttpRequest,
  TokenRejected,
} from '#libs/authentication';
import { keyVaultEventsSettings, type KeyVaultEventsSettings, SecretStore } from '#libs/secrets';
import { Endpoint } from '../http/endpoint.js';
import {
  type EventGridEvents,
  eventGridEvents,
  type EventsAnswer,
  eventsAnswer,
} from './event-grid.js';
import { KeyVaultEvents } from './key-vault-events.js';

const MIN_KEY_LENGTH = 32;
const SEND_EVENTS = definePermission('KeyVaultEvent.Send');

const contract = {
  workload: 'reading',
  summary: 'Events of Azure Key Vault, by Azure Event Grid',
  description:
    'A new version of a secret in use is read from the vault at once, by all replicas. Answers the validation handshake of Event Grid.',
  responses: { 200: eventsAnswer },
  problems: [400, 413, 415, 503],
} as const;

/** For KEY_VAULT_EVENTS=entra: Event Grid signs in as its service principal. */
@ApiTags('operations')
@Controller('v1/key-vault/events')
export class SignedInEventsController {
  constructor(private readonly events: KeyVaultEvents) {}

  @Post()
  @Endpoint({ permission: SEND_EVENTS, ...contract })
  async receive(@Body({ schema: eventGridEvents }) events: EventGridEvents): Promise<EventsAnswer> {
    return this.events.receive(events);
  }
}

/** For KEY_VAULT_EVENTS=key: the address that Event Grid calls has the key in its query. */
@ApiTags('operations')
@Controller('v1/key-vault/events')
export class KeyedEventsController {
  constructor(
    private readonly events: KeyVaultEvents,
    private readonly guard: AuthenticationGuard,
    private readonly secrets: SecretStore,
    @Inject(keyVaultEventsSettings.key) private readonly settings: KeyVaultEventsSettings,
  ) {}

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
    const { value } = await this.secrets.current(this.settings.keySecret);
    if (typeof key === 'string' && value.length >= MIN_KEY_LENGTH && areEqual(key, value)) {
      return this.events.receive(events);
    }
    throw await this.guard.reject(new TokenRejected('event-key-wrong'), request, reply);
  }
}

function areEqual(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
