import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  ADVANCED,
  defineSettings,
  errorCode,
  integer,
  refuseNamedPipe,
  secretName,
  type SettingsOf,
} from '#libs/platform';
import { BUILT_IN_POLICY } from './policy/built-in-policy.js';
import type { IssuancePolicy } from './policy/issuance-policy.js';
import { InvalidPolicy, readPolicy } from './policy/policy-file.js';

/** The policy file, and the policy at the start. */
export interface PolicySource {
  /** Absent: the built-in policy. */
  readonly path: string | undefined;
  readonly initial: IssuancePolicy;
}

export const tokenIssuanceSettings = defineSettings(
  'token-issuance',
  z.object({
    POLICY_FILE: policyFile()
      .optional()
      .describe(
        'path of the issuance policy, a YAML file that conforms to docs/issuance-policy.schema.json; not set: every caller with the permission gets every scope',
      ),
    POLICY_REFRESH_SECONDS: integer(1, 3600)
      .prefault('5')
      .describe(
        'seconds between two reads of the policy file, 1 to 3600; a change takes effect when two consecutive reads give the same text',
      )
      .meta(ADVANCED),
    TOKEN_CACHE_KEY_SECRET: secretName()
      .default('token-cache-key')
      .describe(
        'name of the secret that encrypts cached tokens, 32 bytes in base64; needed if the policy says reuse: true',
      ),
  }),
  (variables) => ({
    policy: variables.POLICY_FILE ?? builtIn(),
    policyRefreshMs: variables.POLICY_REFRESH_SECONDS * 1000,
    cacheKeySecret: variables.TOKEN_CACHE_KEY_SECRET,
  }),
);

export type TokenIssuanceSettings = SettingsOf<typeof tokenIssuanceSettings>;

function builtIn(): PolicySource {
  return { path: undefined, initial: readPolicy(BUILT_IN_POLICY) };
}

/** The path of a policy file, read and validated. */
function policyFile(): z.ZodType<PolicySource, string> {
  return z.string().transform((path, context) => {
    try {
      refuseNamedPipe(path);
      return { path, initial: readPolicy(readFileSync(path)) };
    } catch (error) {
      const faults =
        error instanceof InvalidPolicy
          ? error.faults
          : [`can not be read (${errorCode(error) ?? 'unknown error'})`];
      for (const fault of faults) context.addIssue(fault);
      return z.NEVER;
    }
  });
}
