import type { ApiProcess } from '../../../apps/local/src/api-process.js';
import type { Service } from '../../support/service.js';

/** Starts another replica with `reportUnexpectedExit`. */
export async function startReplica(service: Service, failures: string[]): Promise<ApiProcess> {
  const api = await service.addApi();
  reportUnexpectedExit(service, api, failures);
  return api;
}

/** Adds a failure when the process ends without a signal from the campaign. */
export function reportUnexpectedExit(service: Service, api: ApiProcess, failures: string[]): void {
  void api.ended.then((code) => {
    if (api.process.killed) return;
    // Node writes uncaught errors as plain text; lines of the log are JSON.
    const errors = service.logLines.filter((line) => !line.startsWith('{')).slice(-5);
    failures.push(`a replica exited with code ${code}: ${errors.join('\n')}`);
  });
}
