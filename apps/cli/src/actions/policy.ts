import { readFileSync } from 'node:fs';
import { PERMISSIONS } from '#libs/authentication';
import {
  BUILT_IN_POLICY,
  type Decision,
  InvalidPolicy,
  type IssuancePolicy,
  policyJsonSchema,
  readPolicy,
} from '#libs/token-issuance';
import { EX_CONFIG } from '../errors.js';
import { nameOption } from './name-option.js';
import { print, standardOutput } from '../standard-output.js';

/** Lets a script distinguish a refusal by the policy from other failures. */
const EXIT_DENIED = 3;

export interface TestOptions {
  readonly file?: string;
  readonly kind: 'user' | 'service' | 'bot';
  readonly tenant: string;
  readonly clientApp?: string;
  readonly permission?: readonly string[];
  readonly guest?: true;
  readonly forOthers?: true;
  readonly scope?: readonly string[];
  readonly expiresInMinutes?: number;
}

export function printSchema(): void {
  print(JSON.stringify(policyJsonSchema(), null, 2));
}

export function printBuiltInPolicy(): void {
  standardOutput.write(BUILT_IN_POLICY);
}

export function checkPolicy(file: string | undefined): void {
  const policy = policyFrom(file);
  if (!policy) return;
  const { length } = policy.ruleNames;
  print(`The policy is valid: ${length} ${length === 1 ? 'rule' : 'rules'}.`);
  print(`Version ${policy.version}`);
}

export function testPolicy(options: TestOptions): void {
  const policy = policyFrom(options.file);
  if (policy) printDecision(decide(policy, options));
}

/** @returns `undefined` for an invalid file; its faults are printed then */
function policyFrom(file = process.env.POLICY_FILE): IssuancePolicy | undefined {
  try {
    return readPolicy(file === undefined ? BUILT_IN_POLICY : readFileSync(file));
  } catch (error) {
    if (!(error instanceof InvalidPolicy)) throw error;
    process.stderr.write('The policy has faults:\n');
    for (const fault of error.faults) process.stderr.write(`  ${fault}\n`);
    process.exitCode = EX_CONFIG;
    return undefined;
  }
}

function decide(policy: IssuancePolicy, options: TestOptions): Decision {
  const isForOthers = options.forOthers === true;
  const needed = isForOthers ? 'CommunicationToken.Issue.All' : 'CommunicationToken.Issue';
  return policy.decide(
    {
      kind: options.kind,
      tenant: nameOption('tenant', options.tenant),
      clientApp:
        options.clientApp === undefined ? undefined : nameOption('clientApp', options.clientApp),
      permissions: (options.permission ?? [needed]).map(permissionOption),
      isGuest: options.guest === true,
      isForOthers,
    },
    { scopes: options.scope, expiresInMinutes: options.expiresInMinutes },
  );
}

/** A host may define others, of resources of its own. */
function permissionOption(text: string): string {
  const [resource = ''] = text.split('.');
  const ofResource = PERMISSIONS.filter((one) => one.startsWith(`${resource}.`));
  const isOfHost = ofResource.length === 0 && /^[A-Z]\w*(\.[A-Z]\w*){1,3}$/.test(text);
  if (isOfHost || ofResource.some((one) => one === text)) return text;
  throw new Error(`--permission ${text} is not a permission: there are ${PERMISSIONS.join(', ')}.`);
}

function printDecision(decision: Decision): void {
  for (const { rule, outcome } of decision.evaluatedRules) {
    print(`rule ${rule} (mode audit) would decide: ${outcome}`);
  }
  const rule = decision.rule === undefined ? 'no rule' : `rule ${decision.rule}`;
  if ('refusal' in decision) {
    const { code, detail } = decision.refusal;
    print(`deny: ${code} (${rule})\n${detail}`);
    process.exitCode = EXIT_DENIED;
    return;
  }
  const { scopes, expiresInMinutes, isReusable, tokensPerHour } = decision.grant;
  print(`allow (${rule})`);
  print(`scopes ${scopes.join(', ')}`);
  print(`lifetime ${expiresInMinutes} minutes`);
  if (isReusable) print('tokens are reused while they are valid');
  if (tokensPerHour !== undefined) print(`at most ${tokensPerHour} new tokens in 60 minutes`);
}
