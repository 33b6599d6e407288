import {
  All,
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Global,
  Get,
  Module,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { FastifyReply } from 'fastify';
import { AuditTrail } from '#libs/audit';
import { MemoryAuditTrail } from '#libs/audit/testing';
import {
  Clock,
  Logger,
  PlatformModule,
  platformSettings,
  type Principal,
  type RequestContext,
  ServiceError,
  SettingsModule,
} from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import {
  AuthenticationGuard,
  AuthenticationModule,
  AuthenticatorModule,
  authenticationSettings,
  ChallengeError,
  CurrentPrincipal,
  CurrentRequest,
  MetadataSource,
  Public,
  RequirePermission,
  RequireSignIn,
  RateLimitStore,
} from '../index.js';
import { MemoryMetadataSource } from './memory-metadata-source.js';
import { MemoryRateLimitStore } from './memory-rate-limit-store.js';
import { AUDIENCE, TENANT } from './test-issuer.js';

@Controller()
class SampleController {
  @Get('open')
  @Public('a sample')
  open(): { isOpen: true } {
    return { isOpen: true };
  }

  @Get('whoami')
  @RequirePermission('CommunicationToken.Issue')
  whoami(
    @CurrentPrincipal() principal: Principal,
    @CurrentRequest() request: RequestContext,
  ): object {
    return { principal, request };
  }

  @Get('mine')
  @RequireSignIn()
  mine(@CurrentPrincipal() { permissions }: Principal): object {
    return { permissions };
  }

  @Get('changing')
  @RequirePermission('CommunicationToken.Issue', { changesState: true })
  changing(): object {
    return {};
  }

  @All('delegated')
  @RequirePermission('CommunicationToken.Issue', { delegatedOnly: true })
  delegated(): object {
    return {};
  }
}

/** Sends status, headers and code as the api's exception filter does. */
@Catch()
class SampleFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (!(error instanceof ServiceError)) {
      void reply.status(500).send({ code: 'internal' });
      return;
    }
    if (error instanceof ChallengeError) void reply.header('www-authenticate', error.challenge);
    if (error.retryAfterSeconds !== undefined)
      void reply.header('retry-after', String(error.retryAfterSeconds));
    void reply.status(error.status).send({ code: error.code, detail: error.detail });
  }
}

/** A running application behind the guard. Its dependencies are memory fakes. */
export interface GuardedApplication<C extends Clock = Clock> {
  readonly app: NestFastifyApplication;
  readonly url: string;
  readonly trail: MemoryAuditTrail;
  readonly source: MemoryMetadataSource;
  readonly logger: MemoryLogger;
  readonly clock: C;
}

/** Starts the application on a free port. The caller closes `app`. */
export async function startGuardedApplication<C extends Clock>({
  environment = {},
  source = new MemoryMetadataSource(),
  clock,
  rateLimitStore = new MemoryRateLimitStore(),
}: {
  environment?: Record<string, string>;
  source?: MemoryMetadataSource;
  clock: C;
  rateLimitStore?: RateLimitStore;
}): Promise<GuardedApplication<C>> {
  const trail = new MemoryAuditTrail();
  const logger = new MemoryLogger();
  const ports = [
    { provide: AuditTrail, useValue: trail },
    { provide: Clock, useValue: clock },
    { provide: Logger, useValue: logger },
    { provide: RateLimitStore, useValue: rateLimitStore },
    { provide: MetadataSource, useValue: source },
  ];
  @Global()
  @Module({ providers: ports, exports: ports.map(({ provide }) => provide) })
  class MemoryAdaptersModule {}

  const module = await Test.createTestingModule({
    imports: [
      PlatformModule,
      SettingsModule.forRoot([platformSettings, authenticationSettings], {
        ENTRA_TENANT_ID: TENANT,
        ENTRA_AUDIENCE: AUDIENCE,
        ENTRA_AUTHORITY: 'https://login.test',
        ...environment,
      }),
      MemoryAdaptersModule,
      AuthenticatorModule,
      AuthenticationModule,
    ],
    controllers: [SampleController],
    providers: [
      { provide: APP_GUARD, useExisting: AuthenticationGuard },
      { provide: APP_FILTER, useClass: SampleFilter },
    ],
  }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  app.useLogger(false);
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return { app, url, trail, source, logger, clock };
}
