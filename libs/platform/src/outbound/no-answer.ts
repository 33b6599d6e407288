import { ProxyFailure } from './proxy-failure.js';
import { errorCode } from '../errors/error-code.js';

/** What to look at when a network error has this code. */
const REMEDIES: readonly (readonly [code: RegExp, remedy: string])[] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'check its name, the name server and private endpoints'],
  [
    /CERT|^UNABLE_TO_|SELF_SIGNED/,
    'its certificate is not trusted: check the address, or set NODE_EXTRA_CA_CERTS',
  ],
  [/^E|^UND_ERR_|Timeout|Abort/, 'check its address, the network and the firewall'],
];

/**
 * That a server gave no answer, in one line for operators: which server, the code, and what to look at. A
 * failure of the proxy names the proxy as well.
 *
 * @param server host and port
 * @param isLate whether the deadline ended the request
 */
export function noAnswerFrom(server: string, error: unknown, isLate = false): string {
  const proxy = ProxyFailure.among(error);
  if (proxy) return proxy.message;
  const code = networkCode(error);
  const what = isLate ? 'gave no answer in time' : `gave no answer (${code ?? 'network error'})`;
  const remedy = remedyOf(isLate ? 'Timeout' : (code ?? ''));
  return `${server} ${what}${remedy === undefined ? '' : `: ${remedy}`}`;
}

/** What to look at; `undefined` when the code is none of the network. */
export function remedyOf(code: string): string | undefined {
  return REMEDIES.find(([pattern]) => pattern.test(code))?.[1];
}

/** The code of a network error; of the attempts at several addresses of a host, that of the first. */
function networkCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  return errorCode(error) ?? networkCode(cause);
}
