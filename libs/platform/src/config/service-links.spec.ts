import { describe, expect, it } from 'vitest';
import { separateServiceLinks } from './service-links.js';

/** What Kubernetes sets for a Service with the ports 80 (http) and 53/UDP. */
function linksOf(prefix: string, host = '10.0.0.12'): Record<string, string> {
  const inUrl = host.includes(':') ? `[${host}]` : host;
  return {
    [`${prefix}_SERVICE_HOST`]: host,
    [`${prefix}_SERVICE_PORT`]: '80',
    [`${prefix}_SERVICE_PORT_HTTP`]: '80',
    [`${prefix}_PORT`]: `tcp://${inUrl}:80`,
    [`${prefix}_PORT_80_TCP`]: `tcp://${inUrl}:80`,
    [`${prefix}_PORT_80_TCP_PROTO`]: 'tcp',
    [`${prefix}_PORT_80_TCP_PORT`]: '80',
    [`${prefix}_PORT_80_TCP_ADDR`]: host,
    [`${prefix}_PORT_53_UDP`]: `udp://${inUrl}:53`,
  };
}

describe('separateServiceLinks', () => {
  it.each(['ACS_IDENTITY', 'DATABASE', 'AUDIT_LOG', 'LOG', 'KEY_VAULT', 'MY_SERVICE', 'PORT', 'X'])(
    'takes every link of a Service %s, whatever names settings have',
    (prefix) => {
      const links = linksOf(prefix);
      const settings = new Set([...Object.keys(links), 'LOG_LEVEL']);
      const found = separateServiceLinks({ LOG_LEVEL: 'info', ...links }, settings);
      expect(found.others).toEqual({ LOG_LEVEL: 'info' });
      expect([...found.links.values()].flat().sort()).toEqual(Object.keys(links).sort());
    },
  );

  it('takes the links of a Service with an IPv6 address', () => {
    const links = linksOf('ACS_IDENTITY', 'fd00::12');
    expect(separateServiceLinks(links, new Set(Object.keys(links))).others).toEqual({});
  });

  it.each([
    ['MAIL_PORT', '25'],
    ['MAIL_SERVICE_PORT', '25'],
    ['MAIL_SERVICE_HOST', '10.0.0.12'],
    ['MAIL_PORT', 'https://10.0.0.12:25'],
    ['PORT', '3000'],
  ])('leaves the setting %s=%s', (name, value) => {
    const environment = { [name]: value };
    expect(separateServiceLinks(environment, new Set([name])).others).toEqual(environment);
  });

  it('takes an address as the value of PORT for a link', () => {
    const environment = { PORT: 'tcp://10.0.0.12:80' };
    expect(separateServiceLinks(environment, new Set(['PORT'])).others).toEqual({});
  });
});
