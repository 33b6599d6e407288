import { isAlive } from './is-alive.js';

// Preloaded by Node into what `npm run start:dev` starts. Node's watch mode outlives a supervisor that
// was killed, and keeps its program running; this program stops both.
const CHECK_INTERVAL_MS = 500;
/** What has not stopped in order by then is killed: its database is gone too. */
const MAX_STOP_MS = 15_000;

const supervisor = Number(process.env.LOCAL_SUPERVISOR_PROCESS_ID);
const parent = process.ppid;
let isStopping = false;
let aloneSince: number | undefined;

const timer = setInterval(() => {
  if (isAlive(supervisor)) return;
  aloneSince ??= performance.now();
  if (performance.now() - aloneSince > MAX_STOP_MS) killBoth();
  // A watcher has the other end of the channel, and stops this program in order, unless it dies first.
  if (!process.channel) process.exit(0);
  if (isStopping || !isAlive(parent)) return;
  isStopping = true;
  process.kill(parent, 'SIGTERM');
}, CHECK_INTERVAL_MS);
timer.unref();

function killBoth(): void {
  if (process.ppid === parent) process.kill(parent, 'SIGKILL');
  process.kill(process.pid, 'SIGKILL');
}
