#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { Command } from 'commander';
import { z } from 'zod';
import { InvalidSettings } from '#libs/platform';
import { auditCommand } from './commands/audit/audit.js';
import { configCheckCommand } from './commands/config.js';
import { identitiesCommand } from './commands/identities/identities.js';
import { migrateCommand } from './commands/migrate.js';
import { policyCommand } from './commands/policy.js';

const program = new Command('acs-identity')
  .description('Operates the communication identity service.')
  .version(ownVersion())
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

function ownVersion(): string {
  const file = findPackageJSON(import.meta.url);
  if (file === undefined) return 'unknown';
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return z.object({ version: z.string() }).parse(manifest).version;
}
