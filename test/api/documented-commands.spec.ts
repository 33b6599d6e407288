import { readFileSync, globSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { COMMAND_LINE_VARIABLES, serviceSettings } from '#libs/composition';
import { createProgram } from '../../apps/cli/src/program.js';
import { repositoryRoot } from '../support/root.js';

const PAGES = globSync(['README.md', 'docs/**/*.md'], { cwd: repositoryRoot }).map((path) => ({
  path,
  text: readFileSync(join(repositoryRoot, path), 'utf8'),
}));

/** What the pages name beside our settings: variables of platforms, of Node, of scripts and of examples. */
const OF_OTHERS = new Set([
  ...['CLIENT_SECRET', 'SERVICE_URL', 'TIMEOUT_MS', 'MAX_WAIT_SECONDS', 'AUDIT_ACTIONS'],
  ...['DETECTION_ENTRIES', 'LOCAL_BROWSER_HOST', 'EMULATOR_CONTROL_URL', 'PROXY_STATUS_407'],
  ...['NODE_EXTRA_CA_CERTS', 'NODE_USE_SYSTEM_CA', 'NODE_COMPILE_CACHE'],
  ...['IDENTITY_ENDPOINT', 'IMDS_ENDPOINT', 'MSI_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST'],
  ...['APPLICATIONINSIGHTS_CONNECTION_STRING', 'FUNCTIONS_WORKER_RUNTIME', 'CONTAINER_APP_NAME'],
  ...['FUNCTIONS_CUSTOMHANDLER_PORT', 'WEBSITE_AUTH_ENABLED', 'WEBSITE_INSTANCE_ID'],
  // Of azure.yaml; test/deployment/infra.spec.ts checks them.
  ...['SERVICE_HOST', 'PRIVATE_ENDPOINTS', 'DEPLOYER_ADDRESS', 'ACS_DATA_LOCATION'],
  ...['AZURE_RESOURCE_GROUP', 'AZURE_PRINCIPAL_NAME', 'AZURE_PRINCIPAL_TYPE'],
]);

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

describe('the pages', () => {
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
    const known = new Set([
      ...serviceSettings.flatMap(({ variables }) => variables.map(({ name }) => name)),
      ...COMMAND_LINE_VARIABLES,
      ...OF_OTHERS,
      ...['AZURE_TENANT_ID', 'AZURE_CLIENT_SECRET'],
    ]);
    for (const { path, text } of PAGES) {
      const named = text.matchAll(/\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b(?!_)/g);
      for (const [, name = ''] of named) {
        if (/^(TEST|OTEL)_/.test(name)) continue;
        expect(known, `${path}: ${name}`).toContain(name);
      }
    }
  });
});
