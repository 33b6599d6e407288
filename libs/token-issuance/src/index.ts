export { ScopesNotAllowed } from './errors.js';
export { IssuancePolicy, type Grant, type TokenWish } from './issuance-policy.js';
export { TokenIssuanceModule } from './token-issuance.module.js';
export { TokenIssuanceService, type IssuedToken } from './token-issuance.service.js';
export { tokenIssuanceSettings, type TokenIssuanceSettings } from './token-issuance-settings.js';
