import type { ClientConfig } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { errorCode } from '../errors/error-code.js';

/** How to reach a database: one configuration of pg for each of its hosts, which differ in nothing else. */
export interface DatabaseAddress {
  readonly hosts: readonly ClientConfig[];
  /** `sslmode=prefer`: a server without TLS is accepted. */
  readonly isTlsOptional: boolean;
}

/** The text is no address that the service can use. Its message never contains the address. */
export class InvalidDatabaseAddress extends Error {
  override readonly name = 'InvalidDatabaseAddress';
}

/** Scheme, credentials, hosts, and the rest. */
const ADDRESS = /^(postgres(?:ql)?:\/\/)((?:[^/?#]*@)?)([^/?#]*)(.*)$/s;
const TLS_MODES = [
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
  'no-verify',
];
const FILES = ['sslrootcert', 'sslcert', 'sslkey'] as const;

/**
 * Reads an address as libpq writes it: `postgres://user:password@host1:5432,host2/database?…`. Reads the
 * files of its certificates.
 *
 * pg alone takes one host and knows `prefer` and `verify-ca` as other names of `verify-full` only.
 * `require` stays one: it verifies the server, where libpq does not.
 *
 * @throws InvalidDatabaseAddress
 */
export function parseDatabaseAddress(text: string): DatabaseAddress {
  const [, scheme = '', credentials = '', authority = '', rest = ''] = ADDRESS.exec(text) ?? [];
  // Credentials without a host are no URL; the parameter `host` may still name one.
  const hosts = authority === '' && credentials !== '' ? ['localhost'] : authority.split(',');
  const urls = hosts.map((host) => URL.parse(`${scheme}${credentials}${host}${rest}`));
  const [first] = urls;
  if (!first || first.pathname.length < 2 || urls.includes(null)) {
    throw new InvalidDatabaseAddress(
      'must be a postgres:// address that names a host and a database',
    );
  }
  const query = first.searchParams;
  const tlsMode = query.get('sslmode');
  if (tlsMode !== null && !TLS_MODES.includes(tlsMode)) {
    throw new InvalidDatabaseAddress(`sslmode must be one of ${TLS_MODES.join(', ')}`);
  }
  const attributes = query.get('target_session_attrs') ?? 'read-write';
  if (!['any', 'read-write', 'primary'].includes(attributes)) {
    throw new InvalidDatabaseAddress(
      'target_session_attrs must be read-write, primary or any: the service writes',
    );
  }
  const sockets = query.get('host') ?? '';
  const ports = query.get('port') ?? '';
  const places = sockets.includes(',')
    ? sockets.split(',').map((host, nth) => {
        const place = new URL(first);
        place.searchParams.set('host', host);
        const port = ports.split(',').at(nth) ?? ports.split(',').at(-1);
        if (port) place.searchParams.set('port', port);
        return place;
      })
    : urls.filter((url) => url !== null);
  try {
    return {
      hosts: places.map((place) => configOf(place)),
      isTlsOptional: tlsMode === 'allow' || tlsMode === 'prefer',
    };
  } catch (cause) {
    throw new InvalidDatabaseAddress(faultOf(cause, query), { cause });
  }
}

function configOf(place: URL): ClientConfig {
  const { searchParams: query } = place;
  const tlsMode = query.get('sslmode');
  const isLibpq = query.get('uselibpqcompat') === 'true';
  if (query.get('sslrootcert') === 'system') query.delete('sslrootcert');
  if (!isLibpq && (tlsMode === 'allow' || tlsMode === 'prefer')) {
    query.set('sslmode', 'no-verify'); // an attacker who can remove TLS needs no certificate
  }
  if (!isLibpq && (tlsMode === 'require' || tlsMode === 'verify-ca')) {
    query.set('sslmode', 'verify-full');
  }
  const config = parseIntoClientConfig(place.href);
  config.ssl ??= false; // otherwise PGSSLMODE of the environment would decide
  if (config.ssl === true) config.ssl = {};
  // Otherwise NODE_TLS_REJECT_UNAUTHORIZED of the environment would decide.
  if (config.ssl !== false) config.ssl.rejectUnauthorized ??= true;
  // Without a CA of one's own, anybody who has a public certificate would pass: then the name counts as well.
  if (tlsMode === 'verify-ca' && query.has('sslrootcert') && typeof config.ssl === 'object') {
    config.ssl.checkServerIdentity = () => undefined;
  }
  return config;
}

function faultOf(error: unknown, query: URLSearchParams): string {
  const path = error instanceof Error && 'path' in error ? error.path : undefined;
  const file = FILES.find((name) => query.get(name) === path);
  if (file === undefined) return 'must be a postgres:// address with well-formed parameters';
  const code = errorCode(error) ?? '';
  return `the file of ${file} can not be read (${code})`;
}
