import { randomUUID } from 'node:crypto';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type CompositionOptions, ServiceModule, type ServicePart } from '#libs/composition';
import type { CallContext, OperatorActor } from '#libs/platform';

/** Options of commands that work on the service's own modules and are recorded in its audit log. */
export interface OperatorOptions {
  readonly databaseUrl: string;
  readonly operator: string;
}

/**
 * Starts a part of the service in this process, works with it and stops it. Reads the environment
 * variables of the api.
 *
 * @param variables default: those of this process
 * @throws InvalidSettings when a variable that the part reads is missing or malformed
 */
export async function withPart<T>(
  part: ServicePart,
  databaseUrl: string,
  composition: CompositionOptions,
  work: (service: INestApplicationContext) => Promise<T>,
  variables = process.env,
): Promise<T> {
  const environment = {
    DATABASE_TIMEOUT_MS: '60000',
    ...variables,
    DATABASE_URL: databaseUrl,
    // That is the work of the replicas.
    AUDIT_VERIFICATION_SECONDS: '0',
    // Standard output is for results, and failures are thrown.
    LOG_LEVEL: 'silent',
  };
  const module = ServiceModule.forPart(part, environment, composition);
  const service = await NestFactory.createApplicationContext(module, {
    logger: false,
    abortOnError: false,
  });
  try {
    return await work(service);
  } finally {
    await service.close();
  }
}

/** The operator, as the audit log names who ran a command. */
export function operatorActor({ operator }: OperatorOptions): OperatorActor {
  return { kind: 'operator', name: operator };
}

/** The context of a command that changes identities. It leaves the request budget to callers of the api. */
export function operatorCall(options: OperatorOptions): CallContext {
  return {
    actor: operatorActor(options),
    request: { requestId: randomUUID() },
    priority: 'bulk',
  };
}
