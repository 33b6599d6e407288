import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  BUILT_IN_POLICY,
  type Decision,
  InvalidPolicy,
  type IssuancePolicy,
  policyJsonSchema,
  readPolicy,
} from '#libs/token-issuance';

/** Exit codes, so that scripts can tell a refusal by the policy from a policy at fault. */
const EX_DENIED = 3;
const EX_CONFIG = 78;

interface TestOptions {
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

/** `acs-identity policy …`: checks and tries issuance policies; needs neither database nor api. */
export function policyCommand(): Command {
  return new Command('policy')
    .description('Checks and tries issuance policies, without the api.')
    .addCommand(checkCommand())
    .addCommand(testCommand())
    .addCommand(
      new Command('schema').description('Prints the JSON Schema of the policy file.').action(() => {
        console.log(JSON.stringify(policyJsonSchema(), null, 2));
      }),
    )
    .addCommand(
      new Command('default')
        .description('Prints the built-in policy, to start a policy file from.')
        .action(() => {
          process.stdout.write(BUILT_IN_POLICY);
        }),
    );
}

function checkCommand(): Command {
  return new Command('check')
    .description(
      `Checks a policy file as the api does. Exits with ${EX_CONFIG} when it is at fault.`,
    )
    .argument('[file]', 'policy file; left out: POLICY_FILE, else the built-in policy')
    .action((file: string | undefined) => {
      const policy = policyOf(file);
      if (!policy) return;
      const { length } = policy.ruleNames;
      console.log(`The policy is sound: ${length} ${length === 1 ? 'rule' : 'rules'}.`);
      console.log(`Version ${policy.version}`);
    });
}

function testCommand(): Command {
  return new Command('test')
    .description(
      `Tells what a policy decides, without issuing anything. Exits with 0 for a grant, ${EX_DENIED} for a refusal, ${EX_CONFIG} when the policy is at fault.`,
    )
    .option('--file <path>', 'policy file; left out: POLICY_FILE, else the built-in policy')
    .addOption(
      new Option('--kind <kind>', 'what the identity is that the token is for')
        .choices(['user', 'service', 'bot'])
        .default('user'),
    )
    .requiredOption('--tenant <id>', 'tenant of the identity that the token is for')
    .option('--client-app <id>', 'client id of the application that asks')
    .option(
      '--permission <names...>',
      'what the caller holds; left out: CommunicationToken.Issue, with --for-others CommunicationToken.Issue.All',
    )
    .option('--guest', 'the caller is a guest in its tenant')
    .option('--for-others', 'the token is for another identity than the caller’s own')
    .option('--scope <names...>', 'scopes that are asked for')
    .option('--expires-in-minutes <minutes>', 'lifetime that is asked for', wholeMinutes)
    .action((options: TestOptions) => {
      const policy = policyOf(options.file);
      if (policy) report(decisionOf(policy, options));
    });
}

/** @returns `undefined` after telling every fault of the file */
function policyOf(file = process.env.POLICY_FILE): IssuancePolicy | undefined {
  try {
    return readPolicy(file === undefined ? BUILT_IN_POLICY : readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof InvalidPolicy)) throw error;
    process.stderr.write('The policy has faults:\n');
    for (const fault of error.faults) process.stderr.write(`  ${fault}\n`);
    process.exitCode = EX_CONFIG;
    return undefined;
  }
}

function decisionOf(policy: IssuancePolicy, options: TestOptions): Decision {
  const isForOthers = options.forOthers === true;
  const needed = isForOthers ? 'CommunicationToken.Issue.All' : 'CommunicationToken.Issue';
  return policy.decide(
    {
      kind: options.kind,
      tenant: options.tenant,
      clientApp: options.clientApp,
      permissions: options.permission ?? [needed],
      isGuest: options.guest === true,
      isForOthers,
    },
    { scopes: options.scope, expiresInMinutes: options.expiresInMinutes },
  );
}

function report(decision: Decision): void {
  for (const { rule, outcome } of decision.evaluatedRules) {
    console.log(`rule ${rule} (mode audit) would decide: ${outcome}`);
  }
  const rule = decision.rule === undefined ? 'no rule' : `rule ${decision.rule}`;
  if ('refusal' in decision) {
    const { code, detail } = decision.refusal;
    console.log(`deny: ${code} (${rule})\n${detail}`);
    process.exitCode = EX_DENIED;
    return;
  }
  const { scopes, expiresInMinutes, isReusable, tokensPerHour } = decision.grant;
  console.log(`allow (${rule})`);
  console.log(`scopes ${scopes.join(', ')}`);
  console.log(`lifetime ${expiresInMinutes} minutes`);
  if (isReusable) console.log('tokens are reused while they are good');
  if (tokensPerHour !== undefined) console.log(`at most ${tokensPerHour} new tokens in 60 minutes`);
}

function wholeMinutes(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
