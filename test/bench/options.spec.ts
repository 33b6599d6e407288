import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/root.js';

const { scripts } = JSON.parse(readFileSync(`${repositoryRoot}package.json`, 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const benchmarks = Object.entries(scripts).filter(([name]) => /^bench(:|$)/.test(name));

function run(...args: string[]): ReturnType<typeof spawnSync> {
  const program = `${repositoryRoot}dist/bench/transparency-log.js`;
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
}

describe('the options of a benchmark', () => {
  it.each(benchmarks)('%s reads them as all do', (_, command) => {
    const [, name] = /node dist\/bench\/([\w-]+)\.js$/.exec(command) ?? [];
    const source = readFileSync(`${repositoryRoot}bench/${name ?? ''}.ts`, 'utf8');
    expect(source).toMatch(/^\/\*\*\n/);
    expect(source).toContain('benchmarkOptions(');
  });

  it('are explained by --help', () => {
    const { status, stdout } = run('--help');
    expect(stdout).toContain('npm run bench:transparency-log -- [--entries 1000000]');
    expect(status).toBe(0);
  });

  it.each([
    [['--unknown'], "Unknown option '--unknown'"],
    [['--entries', 'many'], "--entries must be a positive integer, not 'many'"],
    [['--entries', '0'], "--entries must be a positive integer, not '0'"],
    [['extra'], "Unexpected argument 'extra'"],
  ])('%j is refused in one line', (args, message) => {
    const { status, stderr } = run(...args);
    expect(stderr).toBe(`transparency-log: ${message}; see --help\n`);
    expect(status).toBe(2);
  });
});
