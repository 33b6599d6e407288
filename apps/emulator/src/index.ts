export {
  type AcsResourceAddress,
  type Emulator,
  type EmulatorOptions,
  startEmulator,
} from './emulator.js';
export { createEmulatorKeys, type EmulatorKeys } from './keys.js';
export { ControlClient } from './control/control-client.js';
export type { AcsAssignment } from './acs/assignments.js';
export type { AcsIdentity } from './acs/identities.js';
export type { AcsTokenState } from './acs/acs-tokens.js';
export type { AcsSettings, AcsSettingsChange } from './acs/settings.js';
export type { MintRequest, MintSignature } from './entra/mint.js';
export type { Fault, FaultKind, FaultRequest } from './faults.js';
export type { JournalEntry, JournalQuery, ServiceName } from './journal.js';
export {
  type AppName,
  type PersonName,
  type ResourceName,
  SAMPLE_APPS,
  SAMPLE_PEOPLE,
  SAMPLE_RESOURCES,
  SAMPLE_TENANTS,
  type SampleApp,
  type SamplePerson,
  type SampleResource,
  type SampleTenant,
  type TokenVersion,
} from './fixtures/seed-directory.js';
