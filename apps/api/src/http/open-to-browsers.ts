import type { INestApplicationContext } from '@nestjs/common';
import { listRouteAccess, type RouteAccess } from '#libs/authentication';

const OPEN_TO_BROWSERS = Symbol('open to web pages of other origins');

/** What web pages of other origins may call. */
export interface BrowserAccess {
  /** Paths of controllers, such as `/v1/me`: everything below them is open. */
  readonly prefixes: readonly string[];
  /** The methods of their routes. */
  readonly methods: readonly string[];
  /** Headers that their routes read in addition to the usual ones. */
  readonly requestHeaders: readonly string[];
}

/**
 * Opens a controller to web pages of `ALLOWED_ORIGINS`: all paths that begin with its own, so that a page
 * can also read the answer to a misspelled one. Every other controller stays closed.
 *
 * @param requestHeaders headers that its routes read in addition to the usual ones, in lower case
 */
export function OpenToBrowsers({
  requestHeaders = [],
}: { readonly requestHeaders?: readonly string[] } = {}): ClassDecorator {
  return (controller) => {
    Reflect.defineMetadata(OPEN_TO_BROWSERS, requestHeaders, controller);
  };
}

/**
 * Reads the declarations of all controllers.
 *
 * @throws Error when a declaration would open a route of a controller without one
 */
export function browserAccessOf(app: INestApplicationContext): BrowserAccess {
  const routes = listRouteAccess(app);
  const open = routes.filter(isOpen);
  const prefixes = [...new Set(open.map(({ controllerPath }) => controllerPath))];
  for (const prefix of prefixes) {
    if (!/^(\/[\w.-]+)+$/.test(prefix))
      throw new Error(`@OpenToBrowsers needs a controller with a constant path, not ${prefix}`);
  }
  const faults = routes.filter((route) => !isOpen(route) && isBelow(route.path, prefixes));
  if (faults.length > 0) {
    const lines = faults.map(({ method, path, handler }) => `  ${method} ${path} (${handler})`);
    throw new Error(
      `Each route below a path that is open to browsers needs @OpenToBrowsers:\n${lines.join('\n')}`,
    );
  }
  return {
    prefixes,
    methods: [...new Set(open.map(({ method }) => method))].sort(),
    requestHeaders: [...new Set(open.flatMap((route) => headersOf(route) ?? []))].sort(),
  };
}

/** Whether the path is one of the prefixes, or below one. */
export function isBelow(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

function isOpen(route: RouteAccess): boolean {
  return headersOf(route) !== undefined;
}

/** @returns `undefined` for a controller that is closed */
function headersOf({ controller }: RouteAccess): readonly string[] | undefined {
  // Only `OpenToBrowsers` writes it.
  return Reflect.getOwnMetadata(OPEN_TO_BROWSERS, controller) as readonly string[] | undefined;
}
