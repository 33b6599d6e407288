// The service without any call of tracing, for benchmarks: bundled as production's, so that only this differs.
import { bundleProgram } from './bundle-program.mjs';

/** What the modules export, without OpenTelemetry. */
const untraced = {
  'telemetry/traced.js': `
    const ignore = () => undefined;
    export const TELEMETRY_SCOPE = 'acs-identity';
    export const traced = (_name, _options, work) => work(ignore);
    export const recordStep = ignore;
    export const currentTrace = ignore;
    export const detached = (work) => work();
    export const errorType = () => 'error';`,
  'telemetry/request-trace.js': `
    export class RequestTrace {
      static begin() {}
    }`,
};

const withoutTracing = {
  name: 'without-tracing',
  load(id) {
    const [, code] = Object.entries(untraced).find(([file]) => id.endsWith(file)) ?? [];
    return code === undefined ? undefined : { code, moduleType: 'js' };
  },
};

await bundleProgram('api-without-tracing', 'dist/apps/api/src/main.js', {
  dir: 'dist/bench/contenders/bundle',
  plugins: [withoutTracing],
});
