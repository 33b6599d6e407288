import { Command } from 'commander';
import { checkpointCommand, keysCommand } from './audit-checkpoint.js';
import { copyCommand } from './audit-copy.js';
import { eraseCommand } from './audit-erase.js';
import { exportCommand } from './audit-export.js';
import { retainCommand } from './audit-retain.js';
import { traceCommand } from './audit-trace.js';
import { verifyCommand } from './audit-verify.js';

/** `acs-identity audit …`: verifies, reads and keeps the audit log. */
export function auditCommand(): Command {
  return new Command('audit')
    .description('Verifies, reads and keeps the audit log.')
    .addCommand(verifyCommand())
    .addCommand(checkpointCommand())
    .addCommand(keysCommand())
    .addCommand(copyCommand())
    .addCommand(exportCommand())
    .addCommand(traceCommand())
    .addCommand(eraseCommand())
    .addCommand(retainCommand());
}
