import { describe, expect, it } from 'vitest';
import { settingsFrom } from '../testing/settings.js';
import { RequestContexts } from './request-contexts.js';

/** The context of a request from the host of Azure Functions, or from anybody else. */
function contextOf(
  headers: Record<string, string>,
  environment: Record<string, string> = { FUNCTIONS_CUSTOMHANDLER_PORT: '41000' },
  remoteAddress = '127.0.0.1',
) {
  return new RequestContexts(settingsFrom(environment)).of({
    method: 'GET',
    headers,
    raw: { rawHeaders: [], socket: { remoteAddress } },
  });
}

/** What the host sends whatever the caller sent: the address of the host's own peer. */
const forwarded = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' };

describe('RequestContexts behind the host of Azure Functions', () => {
  it('has the address that the host forwards, without a setting', () => {
    expect(contextOf(forwarded).clientAddress).toBe('203.0.113.7');
    expect(contextOf(forwarded, {}).clientAddress).toBe('127.0.0.1');
  });

  it('has the address that the platform forwards in a header of its own', () => {
    const environment = {
      FUNCTIONS_CUSTOMHANDLER_PORT: '41000',
      CLIENT_ADDRESS_HEADER: 'CLIENT-IP',
    };
    const platform = { ...forwarded, 'x-forwarded-for': '10.0.0.9' };
    const cases = [
      ['198.51.100.4:50812', '198.51.100.4'],
      ['[2001:db8::1]:443', '2001:db8::1'],
      // One that a caller managed to put before it.
      ['6.6.6.6, 198.51.100.4:50812', '198.51.100.4'],
    ] as const;
    for (const [sent, address] of cases) {
      const context = contextOf({ ...platform, 'client-ip': sent }, environment);
      expect(context.clientAddress).toBe(address);
    }
    expect(contextOf(platform, environment).clientAddress).toBe('127.0.0.1');
  });

  it('believes no header of anybody else', () => {
    const headers = { ...forwarded, 'client-ip': '6.6.6.6' };
    for (const header of ['x-forwarded-for', 'client-ip']) {
      const environment = { CLIENT_ADDRESS_HEADER: header, TRUSTED_PROXIES: '10.0.0.0/8' };
      expect(contextOf(headers, environment, '192.0.2.1').clientAddress).toBe('192.0.2.1');
    }
  });

  it('has the id of the invocation where the caller sent none', () => {
    const invocation = '0f8fad5b-d9cb-469f-a165-70867728950e';
    const headers = { 'x-azure-functions-invocationid': invocation };
    expect(contextOf(headers).requestId).toBe(invocation);
    expect(contextOf({ ...headers, 'x-request-id': 'order-4711' }).requestId).toBe('order-4711');
    const unsafe = { 'x-azure-functions-invocationid': 'a"b\nc' };
    expect(contextOf(unsafe).requestId).toMatch(/^[0-9a-f-]{36}$/);
  });
});
