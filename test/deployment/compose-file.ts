import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { repositoryRoot } from '../support/root.js';

const words = z.array(z.string()).min(1);

/** What our files use of the Compose specification. Another key, and a value that YAML reads otherwise, is a fault. */
const service = z.strictObject({
  image: z.string().optional(),
  build: z.strictObject({ context: z.literal('.'), target: z.string() }).optional(),
  entrypoint: words.optional(),
  command: words.default([]),
  user: z.string().optional(),
  init: z.literal(true).optional(),
  restart: z.enum(['no', 'unless-stopped']).optional(),
  stop_grace_period: z.string().optional(),
  read_only: z.literal(true).optional(),
  tmpfs: words.optional(),
  cap_drop: words.optional(),
  security_opt: words.optional(),
  deploy: z.strictObject({ replicas: z.int() }).optional(),
  ports: words.default([]),
  environment: z.record(z.string().regex(/^[A-Z][A-Z0-9_]+$/), z.string()).default({}),
  volumes: words.default([]),
  networks: z.strictObject({ default: z.strictObject({ ipv4_address: z.ipv4() }) }).optional(),
  depends_on: z
    .record(
      z.string(),
      z.strictObject({
        condition: z.enum(['service_started', 'service_healthy', 'service_completed_successfully']),
      }),
    )
    .default({}),
  healthcheck: z
    .strictObject({
      test: z.tuple([z.enum(['CMD', 'CMD-SHELL'])], z.string()),
      interval: z.string(),
      timeout: z.string().optional(),
      retries: z.int().optional(),
      start_period: z.string().optional(),
      start_interval: z.string().optional(),
    })
    .optional(),
});

const file = z.strictObject({
  name: z.string(),
  services: z.record(z.string(), service),
  networks: z
    .strictObject({
      default: z.strictObject({
        ipam: z.strictObject({ config: z.tuple([z.strictObject({ subnet: z.cidrv4() })]) }),
      }),
    })
    .optional(),
  volumes: z.record(z.string(), z.null()),
});

export type ComposeService = z.infer<typeof service>;
export type ComposeFile = z.infer<typeof file>;

/** Reads a file for Docker Compose. @throws if it has what the specification, or our use of it, has not */
export function composeFile(name: string): ComposeFile {
  return file.parse(parse(readFileSync(join(repositoryRoot, name), 'utf8')));
}

/** A service by its name. @throws if there is none */
export function serviceOf({ services }: ComposeFile, name: string): ComposeService {
  const found = services[name];
  if (!found) throw new Error(`no service ${name}`);
  return found;
}
