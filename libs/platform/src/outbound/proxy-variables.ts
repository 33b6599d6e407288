import { z } from 'zod';
import { ADVANCED, SHARED } from '../config/settings.js';

/** Which proxy outbound requests take. */
export interface ProxySettings {
  /** Address of the proxy for https, possibly with credentials; `undefined` for none. */
  readonly proxy: string | undefined;
  /** Hosts that are reached without the proxy, as `EnvHttpProxyAgent` of undici reads them. */
  readonly noProxy: readonly string[];
}

/** This machine, and the identity service of Azure's virtual machines: no proxy reaches them. */
const LOCAL_HOSTS = ['localhost', '127.0.0.1', '::1', '169.254.169.254'];

/** Where the platform or a sidecar serves managed identities, as `@azure/identity` reads them. */
const IDENTITY_ENDPOINTS = [
  'IDENTITY_ENDPOINT',
  'IMDS_ENDPOINT',
  'MSI_ENDPOINT',
  'AZURE_POD_IDENTITY_AUTHORITY_HOST',
];

/** The address of a proxy; `http://` may be left out before `host:port`. */
const proxyAddress = z.string().transform((text, context) => {
  const url = URL.parse(/^[^/]+:\d+$/.test(text) ? `http://${text}` : text);
  const isProxy =
    (url?.protocol === 'http:' || url?.protocol === 'https:') &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '';
  if (isProxy && isDecodable(url.username) && isDecodable(url.password)) return url.href;
  context.addIssue(
    'must be the address of an http or https proxy, such as http://proxy.contoso.com:3128, with credentials percent-encoded',
  );
  return z.NEVER;
});

function variable(description: string, schema: z.ZodType<string, string> = proxyAddress) {
  return schema
    .optional()
    .describe(description)
    .meta({ ...ADVANCED, ...SHARED });
}

/** The variables that other programs read too. The lower case precedes, as in curl. */
export const proxyVariables = {
  HTTPS_PROXY: variable(
    'address of the proxy that all calls to Azure and other issuers go through, http://[user:password@]host:port; docs/networks.md describes it',
  ),
  https_proxy: variable('precedes HTTPS_PROXY'),
  ALL_PROXY: variable('used if there is no HTTPS_PROXY'),
  all_proxy: variable('precedes ALL_PROXY'),
  HTTP_PROXY: variable('used if there is neither HTTPS_PROXY nor ALL_PROXY'),
  http_proxy: variable('precedes HTTP_PROXY'),
  NO_PROXY: variable(
    'hosts that are reached without the proxy, separated by commas: names with all below them, addresses, each with an optional port; * for all; no networks such as 10.0.0.0/8',
    z.string(),
  ),
  no_proxy: variable('precedes NO_PROXY', z.string()),
};

/** @param variables those above, and the other variables of the environment */
export function proxySettingsOf(
  variables: Readonly<Record<string, unknown>> & z.output<z.ZodObject<typeof proxyVariables>>,
): ProxySettings {
  const { https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, http_proxy, HTTP_PROXY } = variables;
  const given = (variables.no_proxy ?? variables.NO_PROXY ?? '').split(/[,\s]+/);
  const endpoints = IDENTITY_ENDPOINTS.flatMap((name) => {
    const hostname = URL.parse(String(variables[name]))?.hostname;
    return hostname === undefined ? [] : [hostname];
  });
  return {
    proxy: https_proxy ?? HTTPS_PROXY ?? all_proxy ?? ALL_PROXY ?? http_proxy ?? HTTP_PROXY,
    noProxy: [...given.filter((host) => host !== ''), ...LOCAL_HOSTS, ...endpoints],
  };
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
