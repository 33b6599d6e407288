import type { LogContinuation } from '#libs/audit';
import type { Clock, OutboundHttp } from '#libs/platform';
import type { AzureCredential } from '#libs/secrets';
import type { Credential } from '../config/credential.js';
import type { CredentialReference } from '../config/sink-options.js';

/** What adapters of `Sink` are made with. */
export interface SinkContext {
  readonly outbound: OutboundHttp;
  readonly clock: Clock;
  readonly azure: AzureCredential;
  /** The name of the log for its verifiers. */
  readonly origin: string;
  readonly timeoutMs: number;
  readonly continuation: Pick<LogContinuation, 'faultOf'>;
  credential(reference: CredentialReference): Credential;
}
