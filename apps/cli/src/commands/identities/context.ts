import { randomUUID } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { identitiesPart, ServiceModule } from '#libs/composition';
import {
  IdentityAdministrationService,
  IdentityExport,
  IdentityImport,
  type CallContext,
} from '#libs/identity-mapping';
import type { ContextOptions } from '../audit/context.js';

/** The identity map as the service itself has it: what a command does is recorded as what the api does. */
export interface IdentitiesContext {
  readonly imports: IdentityImport;
  readonly exports: IdentityExport;
  readonly administration: IdentityAdministrationService;
  readonly who: CallContext;
}

/**
 * Opens the identity map, works with it and closes it. Reads the environment variables of the api.
 *
 * @throws InvalidSettings when they don't say where keys and ACS resources are
 */
export async function withIdentities<T>(
  { databaseUrl, operator }: ContextOptions,
  work: (context: IdentitiesContext) => Promise<T>,
): Promise<T> {
  const environment = { ...process.env, DATABASE_URL: databaseUrl, LOG_LEVEL: 'silent' };
  const module = ServiceModule.forPart(identitiesPart, environment);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares its options as a class and takes literals
  const app = await NestFactory.createApplicationContext(module, {
    logger: false,
    abortOnError: false,
  });
  try {
    return await work({
      imports: app.get(IdentityImport),
      exports: app.get(IdentityExport),
      administration: app.get(IdentityAdministrationService),
      who: {
        actor: { kind: 'operator', name: operator },
        request: { requestId: randomUUID() },
        priority: 'bulk',
      },
    });
  } finally {
    await app.close();
  }
}
