// The process of `StandIns`: Entra, Key Vault and ACS.
import { randomUUID } from 'node:crypto';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import { startEmulator } from '../../apps/emulator/src/index.js';
import { AcsStandIn } from './acs-stand-in.js';
import type { StandInsAnswer, StandInsRequest } from './stand-ins.js';

/** Longer than any run. */
const BEARER_LIFETIME_SECONDS = 6 * 3_600;
const MINTED_AT_ONCE = 50;

const [directory = ''] = process.argv.slice(2);
const emulator = await startEmulator({ directory });
const acs = await AcsStandIn.start(directory, emulator.acsResourceId);
await emulator.control.setSecret({ name: 'acs-connection-string', value: acs.connectionString });

process.on('disconnect', () => process.exit());
process.on('message', ({ id, latencyMs, stock, bearers }: StandInsRequest) => {
  if (latencyMs !== undefined) acs.latencyMs = latencyMs;
  if (stock !== undefined) acs.prepare(stock);
  void mint(bearers ?? 0).then((minted) => {
    answer({ id, bearers: minted });
  });
});
answer({
  id: 0,
  environment: {
    ...apiEnvironment(emulator, ''),
    ACS_ENDPOINT: acs.url,
    // Of the contenders that read no vault.
    CONTENDER_ACS_CONNECTION_STRING: acs.connectionString,
  },
});

/** Access tokens of people whom nobody has seen before. */
async function mint(count: number): Promise<string[]> {
  const bearers: string[] = [];
  while (bearers.length < count) {
    const missing = Math.min(MINTED_AT_ONCE, count - bearers.length);
    bearers.push(...(await Promise.all(Array.from({ length: missing }, mintOne))));
  }
  return bearers;
}

async function mintOne(): Promise<string> {
  const oid = randomUUID();
  return emulator.control.mintToken({
    person: 'alice',
    claims: { oid, sub: oid },
    expiresInSeconds: BEARER_LIFETIME_SECONDS,
  });
}

function answer(message: StandInsAnswer): void {
  process.send?.(message);
}
