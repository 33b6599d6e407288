import { findAuthoritiesFault, type PlatformSettings, SystemClock } from '#libs/platform';
import type { Advice } from './advice.js';

export function adviceOnPlatform({ extraAuthoritiesFile: path }: PlatformSettings): Advice[] {
  const fault =
    path === undefined ? undefined : findAuthoritiesFault(path, new SystemClock().now());
  if (fault === undefined) return [];
  return [
    {
      code: 'authorities-file-unusable',
      variable: 'NODE_EXTRA_CA_CERTS',
      problem: `names a file that can not be used: ${fault}`,
      fix: 'name a PEM file with the certificate of the CA, which this user may read',
    },
  ];
}
