import { readFileSync, globSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { COMMAND_LINE_VARIABLES, serviceSettings } from '#libs/composition';
import { createProgram } from '../../apps/cli/src/program.js';
import { repositoryRoot } from '../support/root.js';

const pagesOf = (...patterns: string[]): { path: string; text: string }[] =>
  globSync(patterns, { cwd: repositoryRoot, exclude: ['**/node_modules'] }).map((path) => ({
    path,
    text: readFileSync(join(repositoryRoot, path), 'utf8'),
  }));

const PAGES = pagesOf('README.md', 'docs/**/*.md');
/** And the pages of packages, programs and samples. */
const ALL_PAGES = pagesOf('*.md', '{docs,apps,libs,samples,deploy,test}/**/*.md');

const manifestIn = (folder: string): Manifest =>
  // npm reads it too, and fails without these members.
  JSON.parse(readFileSync(join(repositoryRoot, folder, 'package.json'), 'utf8')) as Manifest;
const ROOT = manifestIn('.');
/** Packages of this repository, which nobody has published. */
const OWN = (ROOT.workspaces ?? []).map(manifestIn);

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** What the pages name beside our settings and begins as they do: variables of platforms, scripts and examples. */
const OF_OTHERS = [
  ...['AUDIT_ACTIONS', 'CLIENT_SECRET', 'IDENTITY_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST'],
  ...['FUNCTIONS_WORKER_RUNTIME', 'AZURE_TENANT_ID', 'AZURE_CLIENT_SECRET'],
  // Of azure.yaml; test/deployment/infra.spec.ts checks them.
  ...['ACS_DATA_LOCATION', 'AZURE_RESOURCE_GROUP', 'DEPLOYER_NAME', 'AZURE_PRINCIPAL_TYPE'],
];

/** Code of a page, line by line: lines of a command that continue are one. */
function codeOf(text: string): string[] {
  const blocks = [...text.matchAll(/^ *```(?:sh|console)?\n([\s\S]*?)^ *```/gm)].flatMap(
    ([, block = '']) => block.replaceAll(/\\\n\s*/g, ' ').split('\n'),
  );
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '');
  return [...blocks, ...[...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)];
}

/** The faults of one call of the command line: commands and options that it does not have. */
function faultsOf(call: string): string[] {
  let command: Command = createProgram();
  const words = call.trim().split(/\s+/);
  while (words[0] !== undefined) {
    const next = command.commands.find((one) => one.name() === words[0]);
    if (!next) break;
    command = next;
    words.shift();
  }
  const [word = ''] = words;
  const isUnknown = command.commands.length > 0 && /^[a-z][a-z-]*$/.test(word) && word !== 'help';
  const options = words.flatMap((one) => /^--[a-z-]+/.exec(one)?.[0] ?? []);
  const known = [...command.options.map(({ long }) => long), '--help', '--version'];
  return [...(isUnknown ? [word] : []), ...options.filter((option) => !known.includes(option))];
}

/**
 * What a command would fetch from the registry under a name that is not registered there, or that this project
 * has not chosen.
 */
function foreignPackagesIn(line: string): string[] {
  const chosen = Object.keys({ ...ROOT.dependencies, ...ROOT.devDependencies });
  const runs = [...chosen.map((name) => name.split('/').at(-1) ?? name), 'nest'];
  const files = OWN.map(
    ({ name, version }) => `${name.replace('@', '').replace('/', '-')}-${version}.tgz`,
  );
  const installed = [...line.matchAll(/\bnpm (?:install|i|add) ([^|;&#)`]+)/g)].flatMap(
    ([, words = '']) =>
      words
        .trim()
        .split(/\s+/)
        .filter((word) => !word.startsWith('-') && !chosen.includes(word))
        .filter((word) => !files.includes(word.replace('./', ''))),
  );
  const run = [...line.matchAll(/\b(?:npx|npm exec) ([^\s`]+)/g)].flatMap(([, word = '']) =>
    word === '--no' || runs.includes(word) ? [] : [word],
  );
  return [...installed, ...run];
}

describe('the pages', () => {
  it('install and run no package by a name that anybody could publish', () => {
    const lines = ALL_PAGES.filter(({ path }) => path !== 'CHANGELOG.md').flatMap(
      ({ path, text }) => codeOf(text).map((line) => ({ path, line })),
    );
    expect(lines.filter(({ line }) => /npx|npm install/.test(line)).length).toBeGreaterThan(5);
    expect(lines.filter(({ line }) => foreignPackagesIn(line).length > 0)).toEqual([]);
  });

  it('name only commands and options of acs-identity that exist', () => {
    let count = 0;
    for (const { path, text } of PAGES) {
      if (path === 'docs/cli.md') continue; // generated from the commands
      for (const line of codeOf(text)) {
        if (/\bhelm\b|--from|docker compose/.test(line)) continue;
        const calls = line.matchAll(/\bacs-identity(?:\.js)?(?: --)? ([a-z][^|;&#<>)]*)/g);
        for (const [, call = ''] of calls) {
          count += 1;
          expect(faultsOf(call), `${path}: ${line}`).toEqual([]);
        }
      }
    }
    expect(count).toBeGreaterThan(60);
  });

  it('name only settings that exist', () => {
    const settings = serviceSettings.flatMap(({ variables }) => variables.map(({ name }) => name));
    const known = [...settings, ...COMMAND_LINE_VARIABLES, ...OF_OTHERS];
    const areas = new Set(settings.map((name) => name.split('_', 1)[0]));
    // Their specifications have more than we read.
    for (const area of ['OTEL', 'NODE']) areas.delete(area);
    let count = 0;
    for (const { path, text } of PAGES) {
      const named = text.matchAll(/\b([A-Z][A-Z0-9]*)((?:_[A-Z0-9]+)+)\b(?!_)/g);
      for (const [name, area = ''] of named) {
        if (!areas.has(area)) continue;
        count += 1;
        expect(known, `${path}: ${name}`).toContain(name);
      }
    }
    expect(count).toBeGreaterThan(300);
  });
});
