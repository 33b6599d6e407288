import { InvalidSettings } from '#libs/platform';

/** sysexits.h: something in the configuration is wrong. */
export const EX_CONFIG = 78;

/** What the codes of Node's network errors mean, with the remedy. */
const CONNECTION_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection: check the address, and that the server runs',
  ECONNRESET: 'closed the connection: check that the server is well, and try again',
  ENOTFOUND: 'is an unknown host: check the address',
  EAI_AGAIN: 'could not be resolved: check the name server, and try again',
  EHOSTUNREACH: 'is unreachable: check the address and the network',
  ENETUNREACH: 'is unreachable: check the address and the network',
  ETIMEDOUT: 'did not answer in time: check the address and the firewall',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a certificate that is not trusted: set NODE_EXTRA_CA_CERTS',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a certificate that is not trusted: set NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a certificate that is not trusted: set NODE_EXTRA_CA_CERTS',
};

const FILE_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be opened by this user',
  EPERM: 'may not be opened by this user',
  EEXIST: 'exists already: choose another name, or remove it',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'lies below a file, not a folder',
  ENOSPC: 'could not be written: the disk is full',
};

/** An error with the members that Node's own errors may have. */
interface SystemError extends Error {
  readonly code?: string;
  readonly path?: string;
  readonly address?: string;
  readonly hostname?: string;
  readonly port?: number;
}

/** What went wrong, and the remedy where there is one, in words for the operator. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const root = rootCauseOf(error);
  const { path, code = '' }: SystemError = root;
  const file = FILE_FAILURES[code];
  if (path !== undefined && file !== undefined) return `${path} ${file}.`;
  const connection = CONNECTION_FAILURES[code];
  const server = serverOf(root);
  if (connection !== undefined && server !== undefined) return `${server} ${connection}.`;
  const cause = connection === undefined ? root.message : `the server ${connection}.`;
  if (root === error || error.message.includes(root.message)) return error.message;
  return `${error.message}\nCause: ${cause}`;
}

export function exitCodeFor(error: unknown): number {
  return error instanceof InvalidSettings ? EX_CONFIG : 1;
}

/** Host and port that could not be reached; Node's message ends in them: `connect ECONNREFUSED ::1:443`. */
function serverOf({ address, hostname, port, message }: SystemError): string | undefined {
  const host = address ?? hostname;
  if (host === undefined) return /\bE[A-Z]+ (\S+)$/.exec(message)?.[1];
  return port === undefined ? host : `${host}:${port}`;
}

/** The innermost cause; of the attempts at several addresses of one host, the first. */
function rootCauseOf(error: Error): Error {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  return inner instanceof Error ? rootCauseOf(inner) : error;
}
