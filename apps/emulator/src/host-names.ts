import { isIP } from 'node:net';

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Whether the address is the wildcard, which clients can't connect to by that name. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** The host as written in a URL. */
export function urlHost(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** Whether a `Host` header names the server at `url`, by its public name or by a loopback name. */
export function isHostOf(url: string, host: string): boolean {
  if (url === '') return false;
  const { hostname, port } = new URL(url);
  return [hostname, 'localhost', '127.0.0.1', '[::1]'].some((name) => host === `${name}:${port}`);
}
