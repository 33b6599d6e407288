export { createTokenVerifiers } from './create-token-verifiers.js';
export { parseJwt } from './jwt/parse-jwt.js';
export { HttpsMetadataSource } from './keys/https-metadata-source.js';
export { describeMetadataSource } from './testing/metadata-source.contract.js';
export { describeRateLimitStore } from './testing/rate-limit-store.contract.js';
export { MemoryMetadataSource } from './testing/memory-metadata-source.js';
export { MemoryRateLimitStore } from './testing/memory-rate-limit-store.js';
export { type GuardedApplication, startGuardedApplication } from './testing/guarded-application.js';
export { settingsFrom } from './testing/settings.js';
export {
  ALICE,
  AUDIENCE,
  base64url,
  CLIENT_APP,
  type JsonObject,
  publicJwk,
  signJwt,
  TENANT,
  TestIssuer,
  type TestKey,
  testKey,
} from './testing/test-issuer.js';
