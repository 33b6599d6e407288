import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  errorCode,
  faultMessage,
  httpsOrigin,
  InvalidJson,
  parseJsonFile,
  secretName,
} from '#libs/platform';
import { CommunicationResources } from './communication-resources.js';

const resource = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits and hyphens'),
  endpoint: httpsOrigin(),
  resourceId: z.guid('must be a GUID').toLowerCase(),
  credentialSecret: secretName().optional(),
  /** In lower case: no two tenants differ in case only. */
  tenants: z.array(z.string().min(1).max(256).toLowerCase()).default([]),
  default: z.boolean().default(false),
});

const schema = z
  .array(resource)
  .min(1, 'must list at least one resource')
  .superRefine((resources, context) => {
    const defaults = resources.filter((one) => one.default).length;
    if (defaults !== 1 && resources.length > 1) {
      context.addIssue(`must mark exactly one resource as the default, not ${defaults}`);
    }
    const unique: [string, readonly string[]][] = [
      ['name', resources.map(({ name }) => name)],
      ['resourceId', resources.map(({ resourceId }) => resourceId)],
      ['tenants', resources.flatMap(({ tenants }) => tenants)],
    ];
    for (const [field, values] of unique) {
      if (new Set(values).size < values.length)
        context.addIssue(`must not repeat a value of ${field}`);
    }
  });

/** A setting with the path of a JSON file that lists resources, parsed to those resources. */
export function resourcesFile(): z.ZodType<CommunicationResources, string> {
  return z.string().transform((path, context) => {
    const json = jsonOf(path);
    if (json instanceof Error) {
      context.addIssue(`must be the path of a JSON file; it ${json.message}`);
      return z.NEVER;
    }
    const result = schema.safeParse(json);
    if (!result.success) {
      for (const issue of result.error.issues) {
        const message = faultMessage(issue);
        context.addIssue(issue.path.length === 0 ? message : `${issue.path.join('.')}: ${message}`);
      }
      return z.NEVER;
    }
    const byDefault = result.data.find((one) => one.default) ?? result.data[0];
    return new CommunicationResources(
      result.data.map(({ name, endpoint, resourceId, credentialSecret, tenants }) => ({
        name,
        endpoint,
        immutableResourceId: resourceId,
        ...(credentialSecret !== undefined && { credentialSecret }),
        tenants,
      })),
      byDefault?.name ?? '',
    );
  });
}

/** @returns an error for a file that can't be read, or is not strict JSON */
function jsonOf(path: string): unknown {
  try {
    return parseJsonFile(readFileSync(path));
  } catch (error) {
    if (error instanceof InvalidJson) return error;
    const code = errorCode(error) ?? 'unknown error';
    return new Error(`can not be read (${code})`);
  }
}
