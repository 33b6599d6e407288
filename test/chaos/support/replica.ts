import type { ApiProcess } from '../../../apps/local/src/api-process.js';
import type { Service } from '../../support/service.js';

/** Starts one more replica, which is watched. */
export async function startReplica(service: Service, broken: string[]): Promise<ApiProcess> {
  const api = await service.addApi();
  reportUnexpectedExit(service, api, broken);
  return api;
}

/** A replica that ends without being told to breaks a promise. */
export function reportUnexpectedExit(service: Service, api: ApiProcess, broken: string[]): void {
  void api.ended.then((code) => {
    if (api.process.killed) return;
    // What is no line of the log is what Node says of an error that nobody caught.
    const lastWords = service.logLines.filter((line) => !line.startsWith('{')).slice(-5);
    broken.push(`a replica ended by itself, code ${code}: ${lastWords.join('\n')}`);
  });
}
