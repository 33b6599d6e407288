import { readFileSync } from 'node:fs';
import { PinoLogger, SystemClock } from '#libs/platform';
import { type CheckpointTrust, parseLogKeys } from '#libs/transparency-log';
import {
  createWitnessKey,
  readWitnessKey,
  Witness,
  WitnessServer,
  WitnessStore,
} from '#libs/witness';
import { print } from '../../standard-output.js';

export interface CreateWitnessOptions {
  readonly folder: string;
  readonly name: string;
}

export interface RunWitnessOptions {
  readonly folder: string;
  readonly logKeyFile: readonly string[];
  readonly port: number;
  readonly host: string;
}

/** Makes the key of a witness and prints the public one. */
export async function createWitness({ folder, name }: CreateWitnessOptions): Promise<void> {
  const { verifier } = await createWitnessKey(folder, name);
  print(verifier.toString());
}

/** Serves a witness until a signal. */
export async function runWitness(options: RunWitnessOptions): Promise<void> {
  const { folder, port, host } = options;
  const logs = logsOf(options.logKeyFile);
  const cosigner = await readWitnessKey(folder);
  const store = WitnessStore.open(folder);
  const logger = new PinoLogger('info');
  const server = new WitnessServer(
    new Witness({ cosigner, logs, store, clock: new SystemClock(), logger }),
    logger,
  );
  const stopped = signalled();
  const address = await server.listen(port, host);
  const origins = logs.map(({ origin }) => origin);
  logger.info({ address, verifierKey: cosigner.verifier.toString(), origins }, 'listening');
  await stopped;
  await server.close();
  store.close();
  await logger.end();
}

/** The logs whose keys the files have: keys of one name are those of one log. */
function logsOf(paths: readonly string[]): CheckpointTrust[] {
  const lines = paths.flatMap((path) => readFileSync(path, 'utf8').split('\n'));
  const { verifiers, retired } = parseLogKeys(lines);
  const origins = new Set(
    [...verifiers, ...retired.map(({ verifier }) => verifier)].map(({ name }) => name),
  );
  if (origins.size === 0) throw new Error('The files have no verifier keys of logs.');
  if (verifiers.some(({ kind }) => kind !== 'ed25519')) {
    throw new Error('A key is one of a witness; give those of logs.');
  }
  return [...origins].map((origin) => ({
    origin,
    verifiers: verifiers.filter(({ name }) => name === origin),
    retired: retired.filter(({ verifier }) => verifier.name === origin),
  }));
}

async function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.once(signal, () => {
        resolve();
      });
    }
  });
}
