// Preloaded into a process (`node --import`): on a message of its parent it writes a profile to a file.
// Memory is sampled from its start.
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';

/** `heap`: what is in memory now. `end` of a CPU profile writes what has run since `start`. */
export interface ProfilerRequest {
  readonly profile: 'start' | 'end' | 'heap';
  readonly file: string;
}

const CPU_INTERVAL_MICROS = 200;
const HEAP_INTERVAL_BYTES = 16 * 1024;

const session = new Session();
session.connect();
if (process.env.PROFILE_HEAP) {
  await session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_INTERVAL_BYTES });
}
process.on('message', (request: ProfilerRequest) => {
  void take(request).then(() => process.send?.(request));
});
process.channel?.unref();

async function take({ profile, file }: ProfilerRequest): Promise<void> {
  if (profile === 'start') {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_MICROS });
    await session.post('Profiler.start');
  } else if (profile === 'end') {
    const { profile: taken } = await session.post('Profiler.stop');
    await writeFile(file, JSON.stringify(taken));
  } else {
    await session.post('HeapProfiler.collectGarbage');
    const { profile: taken } = await session.post('HeapProfiler.getSamplingProfile');
    await writeFile(file, JSON.stringify(taken));
  }
}
