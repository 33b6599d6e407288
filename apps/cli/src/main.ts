#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { Command } from 'commander';
import { auditCommand } from './commands/audit.js';
import { configCommand } from './commands/config.js';
import { identitiesCommand } from './commands/identities.js';
import { migrateCommand } from './commands/migrate.js';
import { explainUsageErrors } from './commands/options.js';
import { policyCommand } from './commands/policy.js';

const help = `
Exit codes:
  0   done
  1   failed, refused, or what was checked is not in order
  3   the policy refuses (policy test only)
  78  the configuration or the policy has faults; each is listed`;

const program = new Command('acs-identity')
  .description('Operate the communication identity service.')
  .version(ownVersion())
  .addCommand(migrateCommand())
  .addCommand(configCommand())
  .addCommand(policyCommand())
  .addCommand(identitiesCommand())
  .addCommand(auditCommand())
  .addHelpText('after', help);
explainUsageErrors(program);

program.parseAsync().catch(async (error: unknown) => {
  const { explain, exitCodeFor } = await import('./errors.js');
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = exitCodeFor(error);
});

function ownVersion(): string {
  const file = findPackageJSON(import.meta.url);
  if (file === undefined) return 'unknown';
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { version: string }; // our own file
  return manifest.version;
}
