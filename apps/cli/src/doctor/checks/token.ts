import { readFile } from 'node:fs/promises';
import {
  type BearerAuthenticator,
  ClaimsChallenge,
  IdentityProviderUnavailable,
  TokenRejected,
} from '#libs/authentication';
import { explain, type Principal } from '#libs/platform';
import type { IssuancePolicy } from '#libs/token-issuance';
import { type Finding, finding } from '../findings.js';
import { type Check, type CheckReport, skipped } from '../run-checks.js';

/** Claims that say how a token was made and for what, and nothing about a person. */
const SHOWN_CLAIMS = [
  ...['ver', 'iss', 'tid', 'aud', 'azp', 'appid', 'azpacr', 'appidacr', 'idtyp'],
  ...['iat', 'nbf', 'exp', 'scp', 'roles', 'acrs'],
];
const ISSUE = 'CommunicationToken.Issue';
const MAX_CHARACTERS = 200;

export interface TokenCheckOptions {
  readonly path: string;
  /** Absent where the platform verifies the tokens. */
  readonly authenticator: BearerAuthenticator | undefined;
  readonly policy: IssuancePolicy | undefined;
}

/** Decodes a sample token and does with it what the service would. The token itself is never shown. */
export function tokenCheck({ path, authenticator, policy }: TokenCheckOptions): Check {
  return {
    name: 'token',
    run: async () => {
      if (!authenticator) return skipped('the configuration has no issuer');
      let text: string;
      try {
        text = (await readFile(path, 'utf8')).trim().replace(/^Bearer\s+/i, '');
      } catch (error) {
        const { code } = error as { code?: unknown }; // of Node
        return { findings: [finding('token-file-unreadable', path, String(code))] };
      }
      const note = decoded(text);
      const report = await verdictOf(text, authenticator, policy);
      return { ...report, note: [note, report.note].filter(Boolean).join('; ') };
    },
  };
}

async function verdictOf(
  text: string,
  authenticator: BearerAuthenticator,
  policy: IssuancePolicy | undefined,
): Promise<CheckReport> {
  try {
    const principal = await authenticator.verify(text, ISSUE);
    return accepted(principal, policy);
  } catch (error) {
    if (error instanceof TokenRejected) return { findings: [rejection(error)] };
    if (error instanceof ClaimsChallenge) {
      const detail = `it lacks ${JSON.stringify(error.claims)}`;
      return { findings: [finding('token-lacks-claims', 'token', detail)] };
    }
    if (error instanceof IdentityProviderUnavailable)
      return skipped('not verified: the keys of its issuer can not be loaded');
    return { findings: [finding('check-failed', 'token', explain(error))] };
  }
}

function rejection({ reason, detail, mismatch }: TokenRejected): Finding {
  const parts = [
    reason,
    ...(mismatch ? [`expected ${shown(mismatch.expected)}, got ${shown(mismatch.actual)}`] : []),
    ...(mismatch === undefined && detail !== undefined ? [shown(detail)] : []),
  ];
  return finding('token-refused', 'token', parts.join(': '), mismatch?.remedy);
}

function accepted(principal: Principal, policy: IssuancePolicy | undefined): CheckReport {
  const { kind, permissions } = principal;
  if (permissions.length === 0) {
    const detail = 'neither its scp nor its roles grant a permission';
    return { findings: [finding('token-without-permission', 'token', detail)] };
  }
  const note = `accepted: a ${kind} with ${permissions.join(', ')}`;
  if (policy === undefined || !permissions.includes(ISSUE)) return { findings: [], note };
  const { tenant, clientApp, isGuest = true } = principal;
  const subject = { kind, tenant, clientApp, permissions, isGuest, isForOthers: false };
  const decision = policy.decide(subject, {});
  if ('grant' in decision)
    return { findings: [], note: `${note}; rule ${decision.rule ?? 'none'} allows tokens` };
  const { code, detail } = decision.refusal;
  const rule = decision.rule === undefined ? 'no rule' : `rule ${decision.rule}`;
  return {
    findings: [finding('token-refused-by-policy', 'token', `${code} (${rule}): ${detail}`)],
  };
}

/** The header and the claims that identify nobody. */
function decoded(text: string): string {
  const [header, claims] = text.split('.').map(jsonOf);
  if (header === undefined || claims === undefined) return 'not a JSON Web Token';
  const parts = [
    ...['alg', 'typ', 'kid'].flatMap((name) => memberOf(header, name)),
    ...SHOWN_CLAIMS.flatMap((name) => memberOf(claims, name)),
  ];
  return parts.join(', ');
}

function memberOf(members: Readonly<Record<string, unknown>>, name: string): string[] {
  const value = members[name];
  if (value === undefined) return [];
  const isTime = ['iat', 'nbf', 'exp'].includes(name) && typeof value === 'number';
  const date = isTime ? new Date(value * 1000) : undefined;
  const isDate = date !== undefined && !Number.isNaN(date.getTime());
  return [`${name}=${isDate ? date.toISOString() : shown(value)}`];
}

function jsonOf(segment: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined; // an object made from JSON
  } catch {
    return undefined;
  }
}

/** Unverified values: printable ASCII, bounded. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? 'none');
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, MAX_CHARACTERS);
}
