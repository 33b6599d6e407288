import { Command } from 'commander';
import { checkpointCommand, keysCommand } from './checkpoint.js';
import { copyCommand } from './copy.js';
import { eraseCommand } from './erase.js';
import { exportCommand } from './export.js';
import { retainCommand } from './retain.js';
import { traceCommand } from './trace.js';
import { verifyCommand } from './verify.js';

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
