import { type AuthenticationSettings, canonicalAudience } from '#libs/authentication';
import type { ConsoleProvider } from '#libs/composition';
import type { OutboundHttp } from '#libs/platform';
import { type Finding, finding } from '../findings.js';
import { type Check, skipped } from '../run-checks.js';

export interface ConsoleCheckOptions {
  readonly provider: ConsoleProvider;
  /** Absent where its settings are not valid. */
  readonly authentication: AuthenticationSettings | undefined;
  readonly fetch: ReturnType<OutboundHttp['fetch']>;
  readonly isReachable: () => Promise<boolean>;
}

/** The document in which a browser finds where to sign in. */
export function discoveryUrlOf({ authority }: ConsoleProvider): string {
  return `${authority}/.well-known/openid-configuration`;
}

/** Whether people can sign in to the console with a provider, as far as it is known without a browser. */
export function consoleCheck(options: ConsoleCheckOptions): Check {
  const { provider, authentication, fetch, isReachable } = options;
  const url = discoveryUrlOf(provider);
  const { host } = new URL(url);
  return {
    name: `console sign-in ${provider.name}`,
    run: async (signal) => {
      const findings = scopeFindings(provider, authentication);
      if (!(await isReachable()))
        return findings.length > 0 ? { findings } : skipped(`${host} can not be reached`);
      const fault = await documentFault(fetch, url, signal);
      if (fault !== undefined) findings.push(unusable(url, fault));
      return { findings, note: host };
    },
  };
}

function unusable(subject: string, detail: string): Finding {
  return finding('console-provider-unusable', subject, detail);
}

/** @returns what a sign-in needs and does not find */
async function documentFault(
  fetch: ConsoleCheckOptions['fetch'],
  url: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const answer = await fetch(url, { signal });
  if (answer.status !== 200) return `it answers ${answer.status}`;
  const document: unknown = await answer.json().catch(() => undefined);
  const members = Object(document) as Record<string, unknown>; // a value that is no object has none
  const missing = ['authorization_endpoint', 'token_endpoint'].filter(
    (name) => typeof members[name] !== 'string',
  );
  return missing.length === 0 ? undefined : `the document has no ${missing.join(' and no ')}`;
}

/** Entra issues no token for scopes of two APIs, and the service takes those of its own audiences only. */
function scopeFindings(
  { name, authority, scopes, identityScopes }: ConsoleProvider,
  authentication: AuthenticationSettings | undefined,
): Finding[] {
  const { entra } = authentication ?? {};
  if (!entra || new URL(authority).origin !== entra.authority) return [];
  const foreign = [...scopes, ...identityScopes].filter((scope) => {
    const [, audience] = /^(.+)\/[^/]+$/.exec(scope) ?? [];
    return audience !== undefined && !entra.audiences.includes(canonicalAudience(audience));
  });
  return [...new Set(foreign)].map((scope) =>
    unusable(name, `the scope ${scope} is of no audience in ENTRA_AUDIENCE`),
  );
}
