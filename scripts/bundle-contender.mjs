// The service without its audit entries, for benchmarks: bundled as production's, so that only this differs.
import { bundleProgram } from './bundle-program.mjs';

const folder = 'dist/bench/contenders';
const name = 'service-without-audit';
await bundleProgram(name, `${folder}/${name}.js`, { dir: `${folder}/bundle` });
