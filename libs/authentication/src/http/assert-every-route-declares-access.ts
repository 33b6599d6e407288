import { type INestApplicationContext, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { type AccessRule, accessRulesOf } from './access-rule.js';

type ControllerClass = abstract new (...values: never[]) => unknown;

/** A route and its access rules. */
export interface RouteAccess {
  readonly controller: ControllerClass;
  /** The path that begins those of all its routes, such as `/v1/me`. */
  readonly controllerPath: string;
  /** Controller and method, such as `TokensController.issue`. */
  readonly handler: string;
  readonly method: string;
  readonly path: string;
  readonly rules: readonly AccessRule[];
}

/** Lists the routes of all controllers. */
export function listRouteAccess(app: INestApplicationContext): readonly RouteAccess[] {
  const scanner = new MetadataScanner();
  const controllers = [...app.get(ModulesContainer).values()].flatMap((module) => [
    ...module.controllers.values(),
  ]);
  const types = new Set(controllers.map(({ metatype }) => metatype).filter(isClass));
  return [...types].flatMap((type) => {
    const prototype = type.prototype as object;
    return scanner.getAllMethodNames(prototype).flatMap((name) => {
      const handler: unknown = Reflect.get(prototype, name);
      return typeof handler === 'function' ? routesOf(type, name, handler) : [];
    });
  });
}

/**
 * Asserts that every route declares exactly one access rule. Call it before the application listens.
 *
 * @throws Error that lists the routes that don't
 */
export function assertEveryRouteDeclaresAccess(app: INestApplicationContext): void {
  const faults = listRouteAccess(app).filter(({ rules }) => rules.length !== 1);
  if (faults.length === 0) return;
  const lines = faults.map(
    ({ handler, method, path, rules }) =>
      `  ${method} ${path} (${handler}) declares ${rules.length === 0 ? 'no access rule' : `${rules.length} access rules`}`,
  );
  throw new Error(
    `Each route needs exactly one of @RequirePermission, @RequireSignIn, @RequireClientExchange and @Public:\n${lines.join('\n')}`,
  );
}

function isClass(type: unknown): type is ControllerClass {
  return typeof type === 'function';
}

function routesOf(type: ControllerClass, name: string, handler: object): RouteAccess[] {
  const path: unknown = Reflect.getMetadata(PATH_METADATA, handler);
  if (path === undefined) return [];
  const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod; // Nest sets it together with the path
  const prefix: unknown = Reflect.getMetadata(PATH_METADATA, type);
  return paths(prefix).flatMap((start) =>
    paths(path).map((end) => ({
      controller: type,
      controllerPath: normal(`/${start}`),
      handler: `${type.name}.${name}`,
      method: RequestMethod[method],
      path: normal(`/${start}/${end}`),
      rules: accessRulesOf(handler),
    })),
  );
}

function normal(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
}

/** `@Controller` and `@Get` take one path, a list, or none. */
function paths(path: unknown): string[] {
  return Array.isArray(path) ? path.map(String) : [typeof path === 'string' ? path : ''];
}
