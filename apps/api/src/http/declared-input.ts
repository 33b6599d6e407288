import 'reflect-metadata';
import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { RouteConfig } from '@nestjs/platform-fastify';
import { z } from 'zod';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads no parameter of the query and refuses none, repeated ones included. */
    readonly ignoresQuery?: boolean;
  }
}

const ANY_QUERY = Symbol('route that takes any query');

/** Declares that a route ignores parameters that it does not read. `Endpoint` does it by `anyQueryBecause`. */
export function AnyQuery(because: string): MethodDecorator {
  return applyDecorators(SetMetadata(ANY_QUERY, because), RouteConfig({ ignoresQuery: true }));
}

/** Schemas of what a route takes, where it reads no more; `undefined` where the route checks it. */
export interface DeclaredInput {
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
}

/** Reads the parameters of a route: `@Query`, `@Body` and `@AnyQuery`. */
export function declaredInputOf(controller: object, handler: object): DeclaredInput {
  const { name } = handler as { readonly name: string }; // a method
  const parameters = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) as
    | Readonly<Record<string, { readonly data?: string }>>
    | undefined; // Nest's own
  const namesOf = (type: RouteParamtypes): readonly (string | undefined)[] =>
    Object.entries(parameters ?? {})
      .filter(([key]) => key.startsWith(`${type}:`))
      .map(([, { data }]) => data);
  const takesAnyQuery = Reflect.hasMetadata(ANY_QUERY, handler);
  return {
    query: takesAnyQuery ? undefined : onlyThese(namesOf(RouteParamtypes.QUERY)),
    body: onlyThese(namesOf(RouteParamtypes.BODY))?.optional(),
  };
}

/** @param names `undefined` for a parameter that gets all members */
function onlyThese(names: readonly (string | undefined)[]): z.ZodObject | undefined {
  const members = names.filter((name) => name !== undefined);
  if (members.length < names.length) return undefined;
  return z.strictObject(Object.fromEntries(members.map((name) => [name, z.unknown().optional()])));
}
