import { Logger, InvalidSettings } from '#libs/platform';
import type { ApiOptions } from './api.module.js';
import { createApi } from './create-api.js';
import { httpSettings, type HttpSettings } from '#libs/composition';

/** sysexits.h: something in the configuration is wrong. */
const EX_CONFIG = 78;

/** An error of Node's `listen`. */
interface ListenError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly port?: number;
  readonly address?: string;
  readonly hostname?: string;
}

/**
 * The program `api`, and that of a host: serves with the environment of the process until a signal. What prevents
 * the start is written to standard error, and the process ends: with 78 for an invalid configuration, with 1 for
 * anything else.
 *
 * @param options as for `createApi`
 */
export async function serve(options?: ApiOptions): Promise<void> {
  await start(options).catch(endWith);
}

async function start(options: ApiOptions | undefined): Promise<void> {
  // As process 1 of a container, a process without a listener would ignore the signal.
  const endAtOnce = (): void => process.exit(0);
  const ends = ['SIGTERM', 'SIGINT', 'SIGHUP', 'disconnect'] as const;
  for (const end of ends) process.on(end, endAtOnce);
  const app = await createApi(process.env, options);
  for (const end of ends) process.off(end, endAtOnce);
  const { host, port } = app.get<HttpSettings>(httpSettings.key);
  await app.listen(port, host);
  app.get(Logger).info({ address: await app.getUrl() }, 'listening');
}

function endWith(error: unknown): never {
  const isConfiguration = error instanceof InvalidSettings;
  const message = isConfiguration
    ? error.message
    : (explainListening(error) ?? String(error instanceof Error ? error.stack : error));
  process.stderr.write(`${message}\n`);
  process.exit(isConfiguration ? EX_CONFIG : 1);
}

/** Why the server could not listen, and the remedy. @returns `undefined` for any other error */
function explainListening(error: unknown): string | undefined {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return undefined;
  const { code, syscall, port, address, hostname } = error as ListenError;
  if (syscall === 'getaddrinfo') return `HOST names no address of this machine: ${hostname}.`;
  if (syscall !== 'listen') return undefined;
  const place = port === undefined ? address : `port ${port} of ${address}`;
  switch (code) {
    case 'EADDRINUSE':
      return `Another program listens on ${place}: stop it, or set PORT to another port.`;
    case 'EACCES':
      return `This user may not listen on ${place}: set PORT to 1024 or more.`;
    case 'EADDRNOTAVAIL':
      return `This machine does not have the address ${address}: set HOST to one of its own, or to 0.0.0.0.`;
    default:
      return undefined;
  }
}
