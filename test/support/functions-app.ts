import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** An HTTP function of a function app. */
interface HttpFunction {
  readonly name: string;
  readonly needsKey: boolean;
  readonly methods: ReadonlySet<string>;
  readonly pattern: RegExp;
  /** Whether its route matches any path; the routes of others are tried first. */
  readonly isCatchAll: boolean;
}

/** A function app as its host reads it from its folder. */
export interface FunctionApp {
  /** Absolute path of the folder. */
  readonly root: string;
  readonly executable: string;
  readonly arguments: readonly string[];
  readonly http: readonly HttpFunction[];
  /** Within which the handler has to answer. */
  readonly initializationTimeoutMs: number;
  /** The names of the timer functions, with the names of their triggers. */
  readonly timers: ReadonlyMap<string, string>;
}

interface HostFile {
  readonly version: string;
  readonly extensions?: { readonly http?: { readonly routePrefix?: string } };
  readonly extensionBundle?: { readonly id: string; readonly version: string };
  readonly customHandler?: {
    readonly description?: {
      readonly defaultExecutablePath?: string;
      readonly arguments?: readonly string[];
    };
    readonly enableProxyingHttpRequest?: boolean;
    readonly initializationTimeout?: string;
  };
}

interface Binding {
  readonly type: string;
  readonly name: string;
  readonly direction: string;
  readonly authLevel?: string;
  readonly methods?: readonly string[];
  readonly route?: string;
  readonly schedule?: string;
}

const NCRONTAB_FIELDS = 6;

/**
 * Reads host.json and the function.json of each folder, as the host of Azure Functions does.
 *
 * @throws for what the host would refuse, and for what this stand-in does not have
 */
export async function readFunctionApp(root: string): Promise<FunctionApp> {
  const host = JSON.parse(await readFile(join(root, 'host.json'), 'utf8')) as HostFile;
  const { customHandler: handler, extensions } = host;
  if (host.version !== '2.0') throw new Error('host.json has no version 2.0');
  if (handler?.enableProxyingHttpRequest !== true)
    throw new Error('the stand-in has enableProxyingHttpRequest only');
  const { defaultExecutablePath: path = '', arguments: list = [] } = handler.description ?? {};
  if (path === '') throw new Error('defaultExecutablePath cannot be empty');
  // A file of the app is preferred to a program of the system.
  const executable = existsSync(join(root, path)) ? join(root, path) : path;
  const prefix = extensions?.http?.routePrefix ?? 'api';
  const http: HttpFunction[] = [];
  const timers = new Map<string, string>();
  for (const name of await readdir(root)) {
    const file = join(root, name, 'function.json');
    if (!existsSync(file)) continue;
    const { bindings } = JSON.parse(await readFile(file, 'utf8')) as { bindings: Binding[] };
    const [trigger, ...others] = bindings.filter(({ direction }) => direction === 'in');
    if (trigger === undefined || others.length > 0)
      throw new Error(`${name} does not have one trigger`);
    if (trigger.type === 'timerTrigger') {
      if (host.extensionBundle === undefined) throw new Error('timers need an extensionBundle');
      if (trigger.schedule?.split(' ').length !== NCRONTAB_FIELDS)
        throw new Error(`${name} has no NCRONTAB schedule`);
      timers.set(name, trigger.name);
    } else if (trigger.type === 'httpTrigger') {
      if (!bindings.some(({ type, direction }) => type === 'http' && direction === 'out'))
        throw new Error(`${name} has no HTTP output, so that its requests are not proxied`);
      const { authLevel = 'function', route = name } = trigger;
      const methods = new Set((trigger.methods ?? []).map((method) => method.toUpperCase()));
      http.push({
        ...{ name, methods, needsKey: authLevel !== 'anonymous', isCatchAll: route.includes('{*') },
        pattern: patternOf(prefix, route),
      });
    } else throw new Error(`the stand-in has no ${trigger.type}`);
  }
  http.sort((a, b) => Number(a.isCatchAll) - Number(b.isCatchAll));
  const initializationTimeoutMs = milliseconds(handler.initializationTimeout ?? '00:00:30');
  return { root, executable, arguments: list, initializationTimeoutMs, http, timers };
}

/** @param time as `hh:mm:ss` */
function milliseconds(time: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number);
  return ((hours * 60 + minutes) * 60 + seconds) * 1_000;
}

/** A route template of ASP.NET Core: `{*name}` is the rest of the path, `{name}` one segment of it. */
function patternOf(prefix: string, route: string): RegExp {
  const template = [prefix, route].filter((part) => part !== '').join('/');
  const expression = template
    .replaceAll(/[.+?^$()|[\]\\]/g, '\\$&')
    .replaceAll(/\{\*\w+\}/g, '.*')
    .replaceAll(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^/${expression}/?$`, 'i');
}
