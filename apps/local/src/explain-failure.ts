import { relative } from 'node:path';

/** Why the local environment did not start, and the remedy where there is one. */
export function explainFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, code, path }: Error & { code?: unknown; path?: unknown } = error;
  if (code === 'ENOSPC' || code === '53100' || message.includes('No space left on device')) {
    return 'The disk is full: free some space, then start again.';
  }
  if (typeof path === 'string' && (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')) {
    return `This user may not use ${relative(process.cwd(), path)} (${code}): make .local its own (chown -R), or start as the owner of .local.`;
  }
  if (message.includes('database files are incompatible with server')) {
    return 'The data in .local/postgres are of another version of PostgreSQL: start the release that made them, or delete .local to begin again.';
  }
  const inUse = /could not bind IPv4 address .*: Address already in use|EADDRINUSE/.exec(message);
  if (inUse) return 'Another program took a port during the start: start again.';
  return message;
}
