import type { FastifyReply } from 'fastify';
import type { ScopeSunset } from '#libs/token-issuance';
import type { ResponseHeader } from '../http/response-headers.js';

/** The headers of a route that calls `setSunsetHeaders`. */
export const SUNSET_HEADERS: readonly ResponseHeader[] = ['Sunset', 'Token-Scope-Sunset', 'Link'];

/**
 * Announces scopes that ACS will retire: `Sunset` (RFC 8594) with the earliest day, the day of each in
 * `Token-Scope-Sunset` (a dictionary of RFC 9651), and a `Link` to each page that the policy names.
 */
export function setSunsetHeaders(reply: FastifyReply, sunsets: readonly ScopeSunset[]): void {
  const [first] = sunsets.toSorted((a, b) => a.sunsetAt.getTime() - b.sunsetAt.getTime());
  if (!first) return;
  const days = sunsets.map(
    ({ scope, sunsetAt }) => `${scope}="${sunsetAt.toISOString().slice(0, 10)}"`,
  );
  void reply.header('sunset', first.sunsetAt.toUTCString());
  void reply.header('token-scope-sunset', days.join(', '));
  const links = new Set(
    sunsets.flatMap(({ link }) => (link === undefined ? [] : [new URL(link).href])),
  );
  if (links.size > 0) {
    void reply.header('link', [...links].map((link) => `<${link}>; rel="sunset"`).join(', '));
  }
}
