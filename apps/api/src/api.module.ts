import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { AuthenticationGuard, AuthenticationModule } from '#libs/authentication';
import { AuditModule, AuditTrail } from '#libs/audit';
import {
  Clock,
  DatabaseModule,
  Logger,
  PlatformModule,
  readSettings,
  SettingsModule,
} from '#libs/platform';
import { IdentityMappingModule } from '#libs/identity-mapping';
import { TokenIssuanceModule } from '#libs/token-issuance';
import { auditLogSettings, type AuditLogSettings } from '#libs/composition';
import { AuditRoutesModule } from './audit/audit-routes.module.js';
import { ConfigurationAuditor } from '#libs/composition';
import { SchemaReadiness } from '#libs/composition';
import { serviceSettings, serviceVariables } from '#libs/composition';
import { ProblemDetailsFilter } from './http/problem-details.filter.js';
import { HttpMetrics } from './http/http-metrics.js';
import { validationPipe } from './http/validation.pipe.js';
import { IdentitiesController } from './identities/identities.controller.js';
import { IdentityBulkController } from './identities/identity-bulk.controller.js';
import { IdentityTokensController } from './identities/identity-tokens.controller.js';
import { NdjsonBodyParser } from './identities/ndjson-body-parser.js';
import { MeController } from './me/me.controller.js';
import { HealthController } from './operations/health.controller.js';
import { MetricsController } from './operations/metrics.controller.js';
import { PolicyController } from './policy/policy.controller.js';

/** The composition root: which parts make up the HTTP service. */
@Module({
  imports: [
    PlatformModule,
    DatabaseModule,
    AuditModule,
    AuthenticationModule,
    IdentityMappingModule,
    TokenIssuanceModule,
  ],
  controllers: [
    MeController,
    IdentityBulkController,
    IdentitiesController,
    IdentityTokensController,
    PolicyController,
    HealthController,
    MetricsController,
  ],
  providers: [
    SchemaReadiness,
    HttpMetrics,
    NdjsonBodyParser,
    { provide: APP_GUARD, useExisting: AuthenticationGuard },
    { provide: APP_FILTER, useClass: ProblemDetailsFilter },
    { provide: APP_PIPE, useFactory: validationPipe },
  ],
})
export class ApiModule {
  /** @throws InvalidSettings when the environment does not describe a service that could run */
  static forRoot(environment: Readonly<Record<string, string | undefined>>): DynamicModule {
    const variables = serviceVariables(environment);
    const settings = readSettings(serviceSettings, variables);
    const auditLog = settings.get(auditLogSettings.key) as AuditLogSettings; // read by its own schema
    return {
      module: ApiModule,
      imports: [
        SettingsModule.forRoot(serviceSettings, variables),
        AuditRoutesModule.forRoot(auditLog),
      ],
      providers: [
        {
          provide: ConfigurationAuditor,
          inject: [AuditTrail, Clock, Logger],
          useFactory: (trail: AuditTrail, clock: Clock, logger: Logger) =>
            new ConfigurationAuditor(variables, { trail, clock, logger }),
        },
      ],
    };
  }
}
