import type { components } from '@acs-identity/client';

/** What the pages show, by the names of docs/openapi.json. */
type Schemas = components['schemas'];

export type AuditHealth = Schemas['AuditHealth'];
export type Identity = Schemas['Identity'];
export type Trace = Schemas['TokenTrace'];
export type WholeEntry = Schemas['WholeAuditEntry'];
