import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import type { AuditEntryRecord, TokenTrace } from '#libs/audit';
import {
  contextHelp,
  type ContextOptions,
  databaseOption,
  operatorOption,
  operatorReader,
  withAuditLog,
} from './context.js';

interface TraceOptions extends ContextOptions {
  readonly fingerprint?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

const help = `
The token is read from standard input unless told otherwise; it is neither stored nor logged.
Exit code 1: the log knows no such token.

  acs-identity audit trace < leaked-token.txt
${contextHelp}`;

/** `acs-identity audit trace`: who got a leaked token. */
export function traceCommand(): Command {
  return new Command('trace')
    .description('Finds out who got a leaked token, and which others may still be good.')
    .option('--fingerprint <fingerprint>', 'fingerprint as an entry shows it, instead of the token')
    .option('--token-file <path>', 'file that holds the token')
    .option('--json', 'print all entries as JSON')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText('after', help)
    .action(async (options: TraceOptions) => {
      const what = await asked(options);
      const trace = await withAuditLog(options, async ({ desk }) =>
        desk.trace(operatorReader(options), what),
      );
      if (options.json) console.log(JSON.stringify(trace, withoutLeaves));
      else tell(trace);
      if (trace.entries.length === 0) process.exitCode = 1;
    });
}

async function asked({
  fingerprint,
  tokenFile,
}: TraceOptions): Promise<{ token: string } | { fingerprint: string }> {
  if (fingerprint !== undefined) return { fingerprint };
  const read =
    tokenFile === undefined ? await text(process.stdin) : readFileSync(tokenFile, 'utf8');
  const token = read.trim();
  if (token === '') throw new Error('There is no token on standard input.');
  return { token };
}

/** The bytes of an entry say the same as the entry. */
function withoutLeaves(name: string, value: unknown): unknown {
  return name === 'leaf' ? undefined : value;
}

function tell({ entries, liveSiblings, untriedKeys }: TokenTrace): void {
  if (entries.length === 0) console.log('The log knows no such token.');
  for (const entry of entries) tellEntry(entry);
  if (liveSiblings.length > 0) {
    console.log('\nOther tokens of the same communication identity that may still be good:');
    for (const sibling of liveSiblings) tellEntry(sibling);
  }
  if (untriedKeys.length > 0) {
    console.log(`\nFingerprint keys that can't be had any more: ${untriedKeys.join(', ')}.`);
  }
}

function tellEntry({ index, entry, personal }: AuditEntryRecord): void {
  const { actor, target, token } = entry;
  const facts: readonly (readonly [string, string | undefined])[] = [
    [
      'caller',
      [actor.kind, actor.subject ?? actor.name, personal.actorDisplayName].join(' ').trim(),
    ],
    ['tenant', actor.tenant],
    ['client app', actor.clientApp],
    ['from', [personal.clientAddress, personal.userAgent].join(' ').trim()],
    ['identity', target?.communicationUserId],
    ['scopes', token?.scopes.join(' ')],
    ['expires', token?.expiresOn],
    ['fingerprint', token?.fingerprint],
    ['rule', entry.policy?.rule],
    ['request', entry.request?.id],
  ];
  console.log(
    `\n${entry.recordedAt}  ${entry.action}: ${entry.outcome}  (entry ${index}, ${entry.id})`,
  );
  for (const [name, value] of facts) {
    if (value !== undefined && value !== '') console.log(`  ${name.padEnd(12)}${printable(value)}`);
  }
}

/** Callers choose some of these; a terminal obeys control characters. */
function printable(value: string): string {
  return value.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD');
}
