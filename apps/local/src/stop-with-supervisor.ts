import { isAlive } from './is-alive.js';

// Preloaded by Node into what `npm run start:dev` starts. Node's watch mode outlives a supervisor that
// was killed, and keeps its program running; this program stops both.
const CHECK_INTERVAL_MS = 500;

const supervisor = Number(process.env.LOCAL_SUPERVISOR_PROCESS_ID);
const parent = process.ppid;
let isStopping = false;

const timer = setInterval(() => {
  if (isAlive(supervisor)) return;
  // A watcher has the other end of the channel, and stops this program in order, unless it dies first.
  if (!process.channel) process.exit(0);
  if (isStopping || !isAlive(parent)) return;
  isStopping = true;
  process.kill(parent, 'SIGTERM');
}, CHECK_INTERVAL_MS);
timer.unref();
