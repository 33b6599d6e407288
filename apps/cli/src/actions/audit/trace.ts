import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import {
  type AuditEntryRecord,
  AuditLogService,
  type RecordedRevocation,
  type TokenTrace,
  type TracedToken,
} from '#libs/audit';
import { auditPart, type CompositionOptions } from '#libs/composition';
import {
  isCallerToken,
  likeliestIssued,
  MAX_TEXT_LENGTH,
  tokenIdOf,
  tokensIn,
} from '#libs/token-text';
import { operatorActor, type OperatorOptions, withPart } from '../service-part.js';
import { printable } from './printable.js';
import { print } from '../../standard-output.js';

export interface TraceOptions extends OperatorOptions {
  readonly fingerprint?: string;
  readonly tokenId?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

/** Prints who got a leaked token. */
export async function traceToken(
  options: TraceOptions,
  composition: CompositionOptions,
): Promise<void> {
  const request = await traceRequest(options);
  const trace = await withPart(auditPart, options.databaseUrl, composition, async (service) =>
    service.get(AuditLogService).trace({ actor: operatorActor(options) }, request),
  );
  if (options.json) print(JSON.stringify(trace, withoutLeaves));
  else printTrace(trace, request);
  if (trace.entries.length === 0) process.exitCode = 1;
}

async function traceRequest({
  fingerprint,
  tokenId,
  tokenFile,
}: TraceOptions): Promise<TracedToken> {
  if (tokenId !== undefined) return { tokenId };
  if (fingerprint !== undefined) {
    if (!/^[\w-]{43}$/.test(fingerprint))
      throw new Error('--fingerprint must be a fingerprint as in an entry.');
    return { fingerprint };
  }
  const input =
    tokenFile === undefined ? await text(process.stdin) : readFileSync(tokenFile, 'utf8');
  if (input.trim() === '') throw new Error('There is no token on standard input.');
  const found = likeliestIssued(tokensIn(input));
  if (!found && input.length > MAX_TEXT_LENGTH)
    throw new Error(`The first ${MAX_TEXT_LENGTH} characters have no whole token.`);
  if (!found) throw new Error('This is no token: a whole one has three parts.');
  return { token: found.token };
}

/** An entry's bytes repeat the entry. */
function withoutLeaves(name: string, value: unknown): unknown {
  return name === 'leaf' ? undefined : value;
}

/** What to say when nothing was found: of a token of a caller, the log never has an entry. */
function nothingFound(request: TracedToken): string {
  const [token] = 'token' in request ? tokensIn(request.token) : [];
  if (!token || !isCallerToken(token)) return 'The log has no such token.';
  const id = tokenIdOf(token);
  return `This is a token of a caller, not one that this service issued: --token-id ${id === undefined ? '<its uti or jti>' : printable(id)} finds what was issued to it.`;
}

function printTrace(
  { entries, tokens, liveSiblings, untriedKeys }: TokenTrace,
  request: TracedToken,
): void {
  if (entries.length === 0) print(nothingFound(request));
  for (const entry of entries) printEntry(entry);
  for (const { fingerprint, status, expiresOn, revocation } of tokens)
    print(`\nToken ${fingerprint}: ${status}, until ${expiresOn}${revocationText(revocation)}`);
  if (liveSiblings.length > 0) {
    print('\nOther tokens of the same communication identity that may still be valid:');
    for (const sibling of liveSiblings) printEntry(sibling);
  }
  if (untriedKeys.length > 0) {
    print(`\nFingerprint keys that are no longer available: ${untriedKeys.join(', ')}.`);
  }
}

function revocationText({ requestedAt, confirmedAt }: RecordedRevocation): string {
  if (confirmedAt !== undefined)
    return `; ACS confirmed its revocation at ${confirmedAt}, and may accept it for 15 minutes after that`;
  if (requestedAt === undefined) return '';
  return `; revocation requested at ${requestedAt}, not confirmed by ACS yet`;
}

function printEntry({ index, entry, personal }: AuditEntryRecord): void {
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
  print(`\n${entry.recordedAt}  ${entry.action}: ${entry.outcome}  (entry ${index}, ${entry.id})`);
  for (const [name, value] of facts) {
    if (value !== undefined && value !== '') print(`  ${name.padEnd(12)}${printable(value)}`);
  }
}
