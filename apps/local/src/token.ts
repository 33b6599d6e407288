import { z } from 'zod';
import { SAMPLE_APPS, SAMPLE_PEOPLE } from '../../emulator/src/index.js';
import { LocalFolder } from './local-folder.js';

const PEOPLE = Object.keys(SAMPLE_PEOPLE);
const APPS = Object.entries(SAMPLE_APPS)
  .filter(([, app]) => app.roles.length > 0)
  .map(([name]) => name);

const NOT_RUNNING = 'The local environment is not running: start it with npm start.';

/**
 * `npm run -s token -- <name>`: prints an Entra access token of a sample person or app. The emulator is that of
 * the local environment, or the one whose control API is at EMULATOR_CONTROL_URL.
 */
async function main(): Promise<void> {
  const name = process.argv[2] ?? '';
  const isPerson = PEOPLE.includes(name);
  if (!isPerson && !APPS.includes(name)) {
    throw new Error(
      `Usage: npm run -s token -- <name>\nPeople: ${PEOPLE.join(', ')}\nApps: ${APPS.join(', ')}`,
    );
  }
  const control =
    process.env.EMULATOR_CONTROL_URL ??
    (await new LocalFolder().readEnvironment())?.emulator.control;
  if (control === undefined) throw new Error(NOT_RUNNING);
  const answer = await fetch(`${control}/control/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(isPerson ? { person: name } : { app: name }),
  }).catch((cause: unknown) => {
    throw new Error(NOT_RUNNING, { cause });
  });
  if (!answer.ok) throw new Error(`The emulator issued no token: ${await answer.text()}`);
  console.log(z.object({ token: z.string() }).parse(await answer.json()).token);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
