export { Clock } from './clock.js';
export { Database, type Transaction } from './database.js';
export { DatabaseModule } from './database.module.js';
export { databaseSettings, type DatabaseSettings } from './database-settings.js';
export { DatabaseUnavailable } from './database-unavailable.js';
export { dataSourceOptions } from './data-source-options.js';
export { Logger, MemoryLogger } from './logger.js';
export { ManualClock } from './manual-clock.js';
export { PinoLogger, type LogLevel } from './pino-logger.js';
export { PlatformModule } from './platform.module.js';
export { platformSettings, type PlatformSettings } from './platform-settings.js';
export { ReadinessChecks, type ReadinessAnswer } from './readiness-checks.js';
export type { RequestContext } from './request-context.js';
export { ServiceError } from './service-error.js';
export { httpsOrigin, list, wholeNumber, yesOrNo } from './setting-fields.js';
export {
  defineSettings,
  InvalidSettings,
  readSettings,
  type Settings,
  type SettingsFault,
  type SettingsOf,
  type Variable,
} from './settings.js';
export { SettingsModule } from './settings.module.js';
export { SystemClock } from './system-clock.js';
