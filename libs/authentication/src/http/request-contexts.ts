import { randomUUID } from 'node:crypto';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import {
  canonicalAddress,
  currentTraceId,
  parseTraceparent,
  type RequestContext,
} from '#libs/platform';
import { authenticationSettings, type AuthenticationSettings } from '../settings.js';
import { header, type HttpRequest } from './http-request.js';

const contexts = new WeakMap<object, RequestContext>();

/** Forwarded addresses that are read, from the right. */
const MAX_FORWARDED_ADDRESSES = 32;

/** By which the logs of Azure Functions name a request; its host sets it. */
const FUNCTIONS_INVOCATION_ID = 'x-azure-functions-invocationid';

/** Reads the `RequestContext` of each request from its headers and connection. */
@Injectable()
export class RequestContexts {
  readonly #trustedProxies: BlockList;
  readonly #addressHeader: string;

  constructor(@Inject(authenticationSettings.key) settings: AuthenticationSettings) {
    this.#trustedProxies = settings.trustedProxies;
    this.#addressHeader = settings.clientAddressHeader;
  }

  /** The same object for each call with one request. */
  of(request: HttpRequest): RequestContext {
    const existing = contexts.get(request.raw);
    if (existing !== undefined) return existing;
    const context = this.#read(request);
    contexts.set(request.raw, context);
    return context;
  }

  #read(request: HttpRequest): RequestContext {
    const traceId = currentTraceId() ?? parseTraceparent(header(request, 'traceparent'))?.traceId;
    const clientAddress = this.#clientAddress(request);
    const userAgent = header(request, 'user-agent');
    return {
      requestId: acceptRequestId(
        header(request, 'x-request-id') ?? header(request, FUNCTIONS_INVOCATION_ID),
      ),
      ...(traceId !== undefined && { traceId }),
      ...(clientAddress !== undefined && { clientAddress }),
      ...(userAgent !== undefined && { userAgent }),
    };
  }

  /**
   * The address of the connection; behind trusted proxies, the last address in their header that is not
   * a trusted proxy's. Addresses before it may be forged by the client.
   */
  #clientAddress(request: HttpRequest): string | undefined {
    let address = parseAddress(request.raw.socket.remoteAddress ?? '');
    const forwarded = (header(request, this.#addressHeader) ?? '')
      .split(',')
      .slice(-MAX_FORWARDED_ADDRESSES);
    while (address !== undefined && forwarded.length > 0 && this.#isTrustedProxy(address)) {
      const previous = parseAddress((forwarded.pop() ?? '').trim());
      if (previous === undefined) break;
      address = previous;
    }
    return address;
  }

  #isTrustedProxy(address: string): boolean {
    return this.#trustedProxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }
}

/**
 * The context of a request that passed the guard. Where the guard may not have run, as for unknown
 * routes, use `RequestContexts`.
 *
 * @throws Error when the guard has not run
 */
export function requestContextOf(request: HttpRequest): RequestContext {
  const context = contexts.get(request.raw);
  if (context === undefined) throw new Error('the guard has not run for this request');
  return context;
}

/** The id that was sent when it is safe to log, which correlates both sides; else a new one. */
function acceptRequestId(sent: string | undefined): string {
  return sent !== undefined && /^[\w.-]{8,64}$/.test(sent) ? sent : randomUUID();
}

/** An IP address, without port, brackets, zone and IPv4-mapped prefix. */
function parseAddress(text: string): string | undefined {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? text;
  const ipv4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/i.exec(bare)?.[1];
  if (ipv4 !== undefined) return isIPv4(ipv4) ? ipv4 : undefined;
  const withoutZone = bare.split('%', 1)[0] ?? bare;
  return isIPv6(withoutZone) ? canonicalAddress(withoutZone) : undefined;
}
