import { UpstreamRequestRefused, IdentityMissing } from '../errors.js';
import type { CommunicationResource } from '../resources/communication-resources.js';
import type { AcsClients } from './acs-clients.js';
import { upstreamFailure } from './upstream-failure.js';

/** No identity has it. */
const NIL_IDENTITY = '00000000-0000-0000-0000-000000000000';

/**
 * Finds out whether ACS accepts the credential of a resource, without an effect there: it requests a token
 * without scopes for an identity that does not exist, which ACS refuses after it has authenticated the
 * request. Outside the request budget, so for operators only.
 *
 * @throws UpstreamCredentialRefused when ACS does not accept the credential
 * @throws UpstreamUnavailable without a usable answer, or without a credential
 * @throws UpstreamThrottled, or what reading the credential throws
 */
export async function probeResource(
  clients: AcsClients,
  resource: CommunicationResource,
  abortSignal: AbortSignal,
): Promise<void> {
  const { client } = await clients.of(resource);
  const communicationUserId = `8:acs:${resource.immutableResourceId}_${NIL_IDENTITY}`;
  try {
    await client.getToken({ communicationUserId }, [], { abortSignal });
  } catch (error) {
    const { refusal } = upstreamFailure('issue', error);
    if (refusal instanceof UpstreamRequestRefused || refusal instanceof IdentityMissing) return;
    throw refusal;
  }
}
