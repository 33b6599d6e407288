import { Command, Option } from 'commander';
import type { TestOptions } from '../actions/policy.js';
import { wholeNumber } from './options.js';

/** `acs-identity policy …`: needs neither the database nor the api. */
export function policyCommand(): Command {
  return new Command('policy')
    .description('Check and try issuance policies, without the api.')
    .addCommand(checkCommand())
    .addCommand(testCommand())
    .addCommand(
      new Command('schema')
        .description('Print the JSON Schema of the policy file.')
        .action(async () => {
          const { printSchema } = await import('../actions/policy.js');
          printSchema();
        }),
    )
    .addCommand(
      new Command('default')
        .description('Print the built-in policy, to start a policy file from.')
        .action(async () => {
          const { printBuiltInPolicy } = await import('../actions/policy.js');
          printBuiltInPolicy();
        }),
    );
}

function checkCommand(): Command {
  return new Command('check')
    .description('Check a policy file as the api does. Exit code 78 when it has faults.')
    .argument('[file]', 'policy file; default: POLICY_FILE, else the built-in policy')
    .action(async (file: string | undefined) => {
      const { checkPolicy } = await import('../actions/policy.js');
      checkPolicy(file);
    });
}

function testCommand(): Command {
  return new Command('test')
    .description(
      'Show what a policy decides, without issuing anything. Exit code 0 for a grant, 3 for a refusal, 78 when the policy has faults.',
    )
    .option('--file <path>', 'policy file; default: POLICY_FILE, else the built-in policy')
    .addOption(
      new Option('--kind <kind>', 'kind of the identity that the token is for')
        .choices(['user', 'service', 'bot'])
        .default('user'),
    )
    .requiredOption('--tenant <id>', 'tenant of the identity that the token is for')
    .option('--client-app <id>', 'client id of the application that calls')
    .option(
      '--permission <names...>',
      'permissions of the caller; default: CommunicationToken.Issue, with --for-others CommunicationToken.Issue.All',
    )
    .option('--guest', 'the caller is a guest in its tenant')
    .option('--for-others', 'the token is for another identity than the caller’s own')
    .option('--scope <names...>', 'requested scopes')
    .option('--expires-in-minutes <minutes>', 'requested lifetime', wholeNumber)
    .action(async (options: TestOptions) => {
      const { testPolicy } = await import('../actions/policy.js');
      testPolicy(options);
    });
}
