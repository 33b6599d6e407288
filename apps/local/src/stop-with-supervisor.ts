import { isAlive } from './is-alive.js';

// Preloaded by Node into what `npm run start:dev` starts. Node's watch mode outlives a supervisor that
// was killed, and keeps its program running; this program stops both.
const CHECK_INTERVAL_MS = 500;

const supervisor = Number(process.env.LOCAL_SUPERVISOR_PROCESS_ID);

const timer = setInterval(() => {
  if (isAlive(supervisor)) return;
  clearInterval(timer);
  // The watcher, if there is one, has the other end of the channel, and stops this program in order.
  if (process.channel) process.kill(process.ppid, 'SIGTERM');
  else process.exit(0);
}, CHECK_INTERVAL_MS);
timer.unref();
