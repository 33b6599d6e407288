import { randomUUID } from 'node:crypto';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import type { RequestContext } from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';
import { header, type HttpRequest } from './http-request.js';

const contexts = new WeakMap<object, RequestContext>();

/** Tells what is known of a request, and remembers it for as long as the request lives. */
@Injectable()
export class RequestContexts {
  readonly #proxies: BlockList;

  constructor(@Inject(authenticationSettings.key) settings: AuthenticationSettings) {
    this.#proxies = settings.trustedProxies;
  }

  /** The request's context: made when first asked for, the same one afterwards. */
  of(request: HttpRequest): RequestContext {
    const known = contexts.get(request.raw);
    if (known !== undefined) return known;
    const context = this.#read(request);
    contexts.set(request.raw, context);
    return context;
  }

  #read(request: HttpRequest): RequestContext {
    const traceId = traceIdOf(header(request, 'traceparent'));
    const clientAddress = this.#clientAddress(request);
    const userAgent = header(request, 'user-agent')?.slice(0, 512);
    return {
      requestId: requestIdOf(header(request, 'x-request-id')),
      ...(traceId !== undefined && { traceId }),
      ...(clientAddress !== undefined && { clientAddress }),
      ...(userAgent !== undefined && { userAgent }),
    };
  }

  /**
   * Goes back through the addresses that proxies noted, as long as a trusted one vouches: the
   * first that isn't a trusted proxy's own is the client's. What stands before it, anyone may have
   * written.
   */
  #clientAddress(request: HttpRequest): string | undefined {
    let address = plainAddress(request.raw.socket.remoteAddress ?? '');
    const noted = (header(request, 'x-forwarded-for') ?? '').split(',').slice(-32);
    while (address !== undefined && noted.length > 0 && this.#isTrustedProxy(address)) {
      const previous = plainAddress((noted.pop() ?? '').trim());
      if (previous === undefined) break;
      address = previous;
    }
    return address;
  }

  #isTrustedProxy(address: string): boolean {
    return this.#proxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }
}

/**
 * What is known of a request whose access was decided.
 *
 * For use behind the guard; where the guard may not have run (an unknown route), ask
 * `RequestContexts`.
 */
export function requestContextOf(request: HttpRequest): RequestContext {
  const context = contexts.get(request.raw);
  if (context === undefined) throw new Error('the guard has not seen this request');
  return context;
}

/** The caller's own id is kept when it is harmless: it then leads through both logs. */
function requestIdOf(sent: string | undefined): string {
  return sent !== undefined && /^[\w.-]{8,64}$/.test(sent) ? sent : randomUUID();
}

/** Only version 00 is understood (W3C Trace Context, section 3.2). */
function traceIdOf(traceparent: string | undefined): string | undefined {
  const match = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparent ?? '');
  const traceId = match?.[1];
  return traceId === undefined || /^0+$/.test(traceId) ? undefined : traceId;
}

/** An IP address without port, brackets, zone or the IPv4-in-IPv6 prefix; `undefined` if it is none. */
function plainAddress(text: string): string | undefined {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? text;
  const unmapped = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/i.exec(bare)?.[1];
  if (unmapped !== undefined) return isIPv4(unmapped) ? unmapped : undefined;
  const withoutZone = bare.split('%', 1)[0] ?? bare;
  return isIPv6(withoutZone) ? withoutZone.toLowerCase() : undefined;
}
