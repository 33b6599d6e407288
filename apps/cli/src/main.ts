#!/usr/bin/env node
import { Command } from 'commander';
import { InvalidSettings } from '#libs/platform';
import { auditCommand } from './audit.js';
import { configCheckCommand } from './config-check.js';
import { identitiesCommand } from './identities.js';
import { migrateCommand } from './migrate.js';
import { policyCommand } from './policy.js';

const program = new Command('acs-identity')
  .description('Operates the communication identity service.')
  .showHelpAfterError()
  .configureHelp({ showGlobalOptions: true })
  .addCommand(migrateCommand())
  .addCommand(configCheckCommand())
  .addCommand(policyCommand())
  .addCommand(identitiesCommand())
  .addCommand(auditCommand());

program.parseAsync().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = error instanceof InvalidSettings ? 78 : 1;
});
