import { z } from 'zod';
import { SAMPLE_APPS, SAMPLE_PEOPLE } from '../../emulator/src/index.js';
import { LocalFolder } from './local-folder.js';

const people = Object.keys(SAMPLE_PEOPLE);
const apps = Object.entries(SAMPLE_APPS)
  .filter(([, app]) => app.roles.length > 0)
  .map(([name]) => name);

/** `npm run -s token -- <who>`: prints an Entra access token of a sample person or app. */
async function main(): Promise<void> {
  const who = process.argv[2] ?? '';
  const isPerson = people.includes(who);
  if (!isPerson && !apps.includes(who)) {
    throw new Error(
      `usage: npm run -s token -- <who>\npeople: ${people.join(', ')}\napps: ${apps.join(', ')}`,
    );
  }
  const running = await new LocalFolder().running();
  if (!running) throw new Error('The local environment is not running: start it with npm start.');
  const answer = await fetch(`${running.emulator.control}/control/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(isPerson ? { person: who } : { app: who }),
  });
  if (!answer.ok) throw new Error(`The emulator refused: ${await answer.text()}`);
  console.log(z.object({ token: z.string() }).parse(await answer.json()).token);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
