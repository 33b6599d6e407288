import type { ServiceCheck } from '#libs/composition';
import type { SettingsFault } from '#libs/platform';
import { type Finding, finding, type FindingCode } from '../findings.js';
import type { Check } from '../run-checks.js';

/** What `config check` finds, as findings. Names that have no effect are no findings. */
export function configurationCheck({ faults, advice, remarks }: ServiceCheck): Check {
  const findings = [
    ...faults.map(findingOf),
    ...advice.map(({ code, variable, problem, fix }) => finding(code, variable, problem, fix)),
  ];
  const others = remarks.slice(0, remarks.length - advice.length);
  return {
    name: 'configuration',
    run: async () =>
      Promise.resolve({ findings, ...(others.length > 0 && { note: others.join(' ') }) }),
  };
}

function findingOf({ variable, problem, fix }: SettingsFault): Finding {
  const code = codeOf(variable, problem);
  // Of a setting, the description says what it should be.
  return finding(code, variable, problem, code === 'policy-invalid' ? undefined : fix);
}

function codeOf(variable: string, problem: string): FindingCode {
  if (problem === 'is not set') return 'variable-missing';
  if (problem === 'is not a variable of this service') return 'variable-misspelled';
  return variable === 'POLICY_FILE' ? 'policy-invalid' : 'variable-invalid';
}
