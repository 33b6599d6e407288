import { isIP } from 'node:net';

/** The variables of an environment that Kubernetes set, and the others. */
export interface ServiceLinks {
  /** The environment without the links. */
  readonly others: Readonly<Record<string, string>>;
  /** Names of the links, by the prefix of their Service: `MAIL` has `MAIL_PORT` and `MAIL_SERVICE_HOST`. */
  readonly links: ReadonlyMap<string, readonly string[]>;
}

/** The value that no setting has, such as `tcp://10.0.0.1:8080` or `tcp://[fd00::1]:8080`. */
const ADDRESS = /^(tcp|udp|sctp):\/\/(\[[0-9a-f:.]+\]|[0-9.]+):\d{1,5}$/i;
/** The members of a link, and which values they have. The prefix of the Service precedes the match. */
const MEMBERS: readonly (readonly [RegExp, (value: string) => boolean])[] = [
  [/(^|_)PORT(_\d+_(TCP|UDP|SCTP))?$/, (value) => ADDRESS.test(value)],
  [/_(SERVICE_HOST|PORT_\d+_(TCP|UDP|SCTP)_ADDR)$/, (value) => isIP(value) !== 0],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, (value) => /^(tcp|udp|sctp)$/i.test(value)],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PORT$/, isNumber],
  [/_SERVICE_PORT(_[A-Z0-9_]+)?$/, isNumber],
];

/**
 * Separates the variables that Kubernetes sets for each Service of the namespace, unless the pod says
 * `enableServiceLinks: false`. A Service may have any name, so that a link may have the name of a setting.
 *
 * A name alone decides only if no setting has it: a setting may be called `MAIL_SERVICE_PORT` and be 25.
 * Beside the address of the same Service, in `MAIL_PORT`, it is a link.
 *
 * @param settings names of settings
 */
export function separateServiceLinks(
  environment: Readonly<Record<string, string>>,
  settings: ReadonlySet<string>,
): ServiceLinks {
  const services = new Set(
    Object.entries(environment).flatMap(([name, value]) =>
      name.endsWith('_PORT') && ADDRESS.test(value) ? [name.slice(0, -'_PORT'.length)] : [],
    ),
  );
  const links = new Map<string, string[]>();
  const others: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    const service = serviceOf(name, value);
    const isLink =
      service !== undefined &&
      (ADDRESS.test(value) || !settings.has(name) || services.has(service));
    if (isLink) links.set(service, [...(links.get(service) ?? []), name]);
    else others[name] = value;
  }
  return { others, links };
}

/** @returns the prefix of the Service, `''` for `PORT`; `undefined` for what has not the form of a link */
function serviceOf(name: string, value: string): string | undefined {
  for (const [member, hasForm] of MEMBERS) {
    const match = member.exec(name);
    if (match && hasForm(value)) return name.slice(0, match.index);
  }
  return undefined;
}

function isNumber(value: string): boolean {
  return /^\d{1,5}$/.test(value);
}
