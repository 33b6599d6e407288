export { MemoryMetadataSource } from './keys/metadata-source.js';
export { MemoryRateLimitStore } from './rate-limit/rate-limit-store.js';
export { type GuardedApplication, startGuardedApplication } from './testing/guarded-application.js';
export { settingsFrom } from './testing/settings.js';
export {
  ALICE,
  AUDIENCE,
  base64url,
  CLIENT_APP,
  type Members,
  published,
  signedText,
  TENANT,
  TestIssuer,
  type TestKey,
  testKey,
} from './testing/test-issuer.js';
