import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { AuditModule } from '#libs/audit';
import { AuthenticationGuard, AuthenticationModule } from '#libs/authentication';
import { type CompositionOptions, type Environment, ServiceModule } from '#libs/composition';
import { IdentityMappingModule } from '#libs/identity-mapping';
import { TeamsPhoneModule } from '#libs/teams-phone';
import { TokenIssuanceModule } from '#libs/token-issuance';
import { VisitorRevocationModule } from '#libs/visitors';
import { AuditRoutesModule } from './audit/audit-routes.module.js';
import { ClientExchangeModule } from './client-exchange/client-exchange.module.js';
import { CompatibilityModule } from './compatibility/compatibility.module.js';
import { ProblemDetailsFilter } from './http/problem-details.filter.js';
import { ClockGuard } from './http/clock.guard.js';
import { DeclaredInputGuard } from './http/declared-input.guard.js';
import { HttpBoundary } from './http/http-boundary.js';
import { HttpDrainModule } from './http/http-drain.module.js';
import { HttpMetrics } from './http/http-metrics.js';
import { validationPipe } from './http/validation.pipe.js';
import { IdentitiesController } from './identities/identities.controller.js';
import { IdentityBulkController } from './identities/identity-bulk.controller.js';
import { IdentityTokensController } from './identities/identity-tokens.controller.js';
import { NdjsonBodyParser } from './identities/ndjson-body-parser.js';
import { KeyVaultEventsModule } from './key-vault-events/key-vault-events.module.js';
import { MeController } from './me/me.controller.js';
import { HealthController } from './operations/health.controller.js';
import { MetricsController } from './operations/metrics.controller.js';
import { PolicyController } from './policy/policy.controller.js';
import { RevocationsController } from './revocations/revocations.controller.js';
import { TeamsPhoneBulkController } from './teams-phone/teams-phone-bulk.controller.js';
import { TeamsPhoneController } from './teams-phone/teams-phone.controller.js';
import { VisitorRoutesModule } from './visitors/visitor-routes.module.js';
import { ArrivalGuard } from './workload/arrival.guard.js';
import { ImportStreams } from './workload/bulk-import.js';
import { WorkloadGuard } from './workload/workload.guard.js';

/** How a host's HTTP service differs from the default one. */
export interface ApiOptions extends CompositionOptions {
  /** Modules of the host: their routes get the guard, the limits and the problem details of the others. */
  readonly modules?: readonly (Type | DynamicModule)[];
}

/** The HTTP service: routes over the service that `libs/composition` puts together. */
@Module({
  imports: [
    AuditModule,
    AuthenticationModule,
    IdentityMappingModule,
    TeamsPhoneModule,
    TokenIssuanceModule,
    VisitorRevocationModule,
  ],
  controllers: [
    MeController,
    IdentityBulkController,
    IdentitiesController,
    IdentityTokensController,
    RevocationsController,
    TeamsPhoneBulkController,
    TeamsPhoneController,
    PolicyController,
    HealthController,
    MetricsController,
  ],
  providers: [
    HttpBoundary,
    HttpMetrics,
    NdjsonBodyParser,
    ImportStreams,
    // In this order.
    { provide: APP_GUARD, useClass: ArrivalGuard },
    { provide: APP_GUARD, useClass: ClockGuard },
    { provide: APP_GUARD, useExisting: AuthenticationGuard },
    { provide: APP_GUARD, useClass: DeclaredInputGuard },
    { provide: APP_GUARD, useClass: WorkloadGuard },
    { provide: APP_FILTER, useClass: ProblemDetailsFilter },
    { provide: APP_PIPE, useFactory: validationPipe },
  ],
})
export class ApiModule {
  /**
   * @throws InvalidSettings when the environment does not describe a service that could run
   * @throws InvalidReplacement
   */
  static forRoot(environment: Environment, options: ApiOptions = {}): DynamicModule {
    return {
      module: ApiModule,
      imports: [
        HttpDrainModule,
        ServiceModule.forRoot(environment, options),
        AuditRoutesModule.forRoot(environment),
        CompatibilityModule.forRoot(environment),
        ClientExchangeModule.forRoot(environment),
        KeyVaultEventsModule.forRoot(environment),
        VisitorRoutesModule.forRoot(environment),
        ...(options.modules ?? []),
      ],
    };
  }
}
