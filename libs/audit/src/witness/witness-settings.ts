import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ADVANCED, defineSettings, errorCode, integer, type SettingsOf } from '#libs/platform';
import { InvalidPolicy, WitnessPolicy } from '#libs/transparency-log';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Which witnesses cosign the checkpoints of the log. */
export const auditWitnessSettings = defineSettings(
  'audit-witnesses',
  z.object({
    AUDIT_WITNESS_POLICY_FILE: policyFile()
      .optional()
      .describe(
        'file with the witnesses of the log, their addresses and the quorum (C2SP tlog-policy); docs/witnesses.md describes it',
      ),
    AUDIT_WITNESS_SECONDS: integer(1, 3_600)
      .prefault('10')
      .describe('seconds between two submissions of the newest checkpoint to witnesses, 1 to 3600')
      .meta(ADVANCED),
  }),
  ({ AUDIT_WITNESS_POLICY_FILE: policy, AUDIT_WITNESS_SECONDS: seconds }) => ({
    policy,
    intervalMs: seconds * 1_000,
  }),
);

export type AuditWitnessSettings = SettingsOf<typeof auditWitnessSettings>;

/** The path of a policy, read and validated. */
function policyFile(): z.ZodType<WitnessPolicy, string> {
  return z.string().transform((path, context) => {
    try {
      const policy = WitnessPolicy.parse(readFileSync(path, 'utf8'));
      for (const { name, url } of policy.witnesses) {
        if (url === undefined || isProtected(url)) continue;
        context.addIssue(
          `witness ${name}: must have an https address without credentials, query and fragment; http is for this machine only`,
        );
      }
      const reachable = policy.witnesses.filter(({ url }) => url !== undefined);
      const best = reachable.map((witness) => ({ witness, timestampSeconds: 0 }));
      if (reachable.length === 0) context.addIssue('no witness has an address');
      else if (!policy.isMet(best)) context.addIssue('the witnesses with an address are no quorum');
      return policy;
    } catch (error) {
      context.addIssue(
        error instanceof InvalidPolicy
          ? error.message
          : `can not be read (${errorCode(error) ?? 'unknown error'})`,
      );
      return z.NEVER;
    }
  });
}

function isProtected(text: string): boolean {
  const url = URL.parse(text);
  const isSafe =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname));
  return isSafe && url.username === '' && url.password === '' && !/[?#]/.test(text);
}
