import { header, headerCount, type HttpRequest } from './http-request.js';

const SITE_HEADER = 'sec-fetch-site';
/** Forms, images and links can't send it. A script of another origin can, but only after a preflight. */
const PROOF_HEADER = 'x-requested-with';

/**
 * What a browser says about the page that sent a request, unless that proves a page of this origin
 * (W3C, "Fetch Metadata Request Headers").
 *
 * A request without a page (`none`) and one of a program or an old browser (no header) prove it by
 * `X-Requested-With`; pages of other origins never do.
 *
 * @returns `undefined` when the request comes from this origin
 */
export function unprovenSite(request: HttpRequest): string | undefined {
  const site = headerCount(request, SITE_HEADER) > 1 ? 'several' : header(request, SITE_HEADER);
  if (site === 'same-origin') return undefined;
  const isUnknown = site === undefined || site === 'none';
  if (isUnknown && (header(request, PROOF_HEADER) ?? '') !== '') return undefined;
  if (site === undefined) return 'unknown';
  return ['none', 'same-site', 'cross-site', 'several'].includes(site) ? site : 'malformed';
}
