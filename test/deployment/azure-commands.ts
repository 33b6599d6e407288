/** Each command may have these: https://learn.microsoft.com/cli/azure/reference-index#global-parameters */
const GLOBAL = ['--output', '-o', '--query', '--subscription', '--only-show-errors'];

const OF_GROUP = ['--resource-group', '-g'];
const NAMED = ['--name', '-n', ...OF_GROUP];
const FIREWALL_RULE = [...OF_GROUP, '--server-name', '-s', '--name', '-n'];

/**
 * Commands of `az` 2.86 with the arguments of theirs that we use. Source: the page of each command below
 * https://learn.microsoft.com/cli/azure, and announced changes in `_breaking_change.py` of each module in
 * https://github.com/Azure/azure-cli. Extend it with both at hand.
 */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'account get-access-token': ['--resource-type'],
  'acr build': ['--registry', '-r', '--image', '-t', '--target'],
  'ad app create': ['--display-name'],
  'ad signed-in-user show': [],
  'communication list-key': NAMED,
  'communication regenerate-key': [...NAMED, '--key-type'],
  'communication show': NAMED,
  'containerapp job execution show': [...NAMED, '--job-execution-name'],
  'containerapp job logs show': [...NAMED, '--execution', '--container'],
  'containerapp job start': NAMED,
  'containerapp job update': [...NAMED, '--image', '-i'],
  'deployment group create': [...NAMED, '--template-file', '-f', '--parameters', '-p'],
  'eventgrid event-subscription create': [
    ...['--name', '--source-resource-id', '--included-event-types', '--endpoint'],
    ...['--event-delivery-schema', '--azure-active-directory-tenant-id'],
    '--azure-active-directory-application-id-or-uri',
  ],
  'functionapp config appsettings set': [...NAMED, '--settings'],
  'functionapp deployment source config-zip': [...NAMED, '--src'],
  'group create': ['--name', '-n', '-g', '--resource-group', '--location', '-l'],
  'group show': ['--name', '-n', '-g', '--resource-group'],
  'keyvault secret list': ['--vault-name'],
  'keyvault secret set': [
    ...['--vault-name', '--name', '-n', '--file', '-f', '--encoding', '-e', '--value'],
  ],
  'keyvault show': NAMED,
  login: [],
  'postgres flexible-server firewall-rule create': [
    ...FIREWALL_RULE,
    ...['--start-ip-address', '--end-ip-address'],
  ],
  'postgres flexible-server firewall-rule delete': [...FIREWALL_RULE, '--yes', '-y'],
  'postgres flexible-server restore': [...NAMED, '--source-server', '--restore-time'],
  upgrade: [],
  version: [],
};

/** @returns what `az` would refuse in a call, as `command: argument`; the command alone when it does not exist */
export function unknownToAz(call: string): readonly string[] {
  const names = Object.keys(COMMANDS).filter((name) =>
    new RegExp(`^az ${name}(?![\\w-])`).test(call),
  );
  const [name] = names.toSorted((a, b) => b.length - a.length);
  if (name === undefined) return [call];
  const known = [...GLOBAL, ...(COMMANDS[name] ?? [])];
  const given = call.match(/(?<=\s)--?[a-z][a-z-]*/g) ?? [];
  return given.filter((one) => !known.includes(one)).map((one) => `az ${name}: ${one}`);
}

/** @returns the calls of `az` that a script or a page has, each on one line */
export function azCallsIn(text: string): readonly string[] {
  const joined = text.replaceAll(/\\\n\s*/g, '');
  return [...joined.matchAll(/(?<![\w-])az [a-z][^\n|;`]*/g)].map(([call]) => call.trim());
}
