export { MemoryTokenCache } from './testing/memory-token-cache.js';
export { MemoryTokenQuota } from './testing/memory-token-quota.js';
export { type TokenCacheSubject, tokenCacheContract } from './testing/token-cache.contract.js';
export { tokenQuotaContract } from './testing/token-quota.contract.js';
