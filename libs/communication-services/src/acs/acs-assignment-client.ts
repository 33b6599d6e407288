import type { PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import type { AssignmentHolder, TeamsPhoneAssignment } from '../communication-identity-gateway.js';
import { type CallOptions, sendRequest } from './acs-request.js';

/** The stable versions of the API that have assignments, with their name of a resource account. */
const RESOURCE_ACCOUNT = {
  '2025-06-30': 'teamsResourceAccount',
  '2026-07-22': 'resourceAccount',
  '2026-09-23': 'resourceAccount',
} as const;

export type TeamsPhoneVersion = keyof typeof RESOURCE_ACCOUNT;

export const TEAMS_PHONE_VERSIONS = Object.keys(RESOURCE_ACCOUNT) as TeamsPhoneVersion[]; // its own keys

/**
 * The operations on assignments of Teams Phone extensibility, which the SDK lacks. They go through the
 * pipeline of its client. Rejects as that does: with a `RestError` for an error response.
 */
export class AcsAssignmentClient {
  /** @param send through the pipeline, which signs the request */
  constructor(
    private readonly endpoint: string,
    private readonly version: TeamsPhoneVersion,
    private readonly send: (request: PipelineRequest) => Promise<PipelineResponse>,
  ) {}

  async put(assignment: TeamsPhoneAssignment, options: CallOptions): Promise<unknown> {
    const { principalType, clientIds } = assignment;
    return this.#request('PUT', assignment, options, {
      principalType: principalType === 'user' ? 'user' : RESOURCE_ACCOUNT[this.version],
      ...(clientIds.length > 0 && { clientIds }),
    });
  }

  async read(holder: AssignmentHolder, options: CallOptions): Promise<unknown> {
    return this.#request('GET', holder, options);
  }

  async delete(holder: AssignmentHolder, options: CallOptions): Promise<void> {
    await this.#request('DELETE', holder, options);
  }

  async #request(
    method: 'PUT' | 'GET' | 'DELETE',
    { tenant, objectId }: AssignmentHolder,
    options: CallOptions,
    content?: object,
  ): Promise<unknown> {
    const url = `${this.endpoint}/access/teamsExtension/tenants/${tenant}/assignments/${objectId}?api-version=${this.version}`;
    return sendRequest(this.send, { method, url, ...(content && { content }) }, options);
  }
}
