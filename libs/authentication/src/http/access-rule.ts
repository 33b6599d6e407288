import 'reflect-metadata';
import type { ClientExchange } from '../access/client-exchange.js';
import type { Permission } from '../access/permission.js';

/** Who may call a route. */
export type AccessRule =
  | { readonly kind: 'public'; readonly reason: string }
  | { readonly kind: 'signed-in' }
  | { readonly kind: 'client-exchange'; readonly exchange: ClientExchange }
  | {
      readonly kind: 'permission';
      readonly permission: Permission;
      readonly delegatedOnly: boolean;
      /** `undefined`: the method says it. */
      readonly changesState?: boolean | undefined;
    };

const ACCESS_RULES = Symbol('access rules of a route');

/**
 * Allows callers that have a permission.
 *
 * @param delegatedOnly whether the caller must be a user; applications without a user get 403.
 *   Default: false
 * @param changesState whether cookies alone do not suffice, because a page of another site could send
 *   them. Default: for every method but GET and HEAD
 */
export function RequirePermission(
  permission: Permission,
  {
    delegatedOnly = false,
    changesState,
  }: { delegatedOnly?: boolean | undefined; changesState?: boolean | undefined } = {},
): MethodDecorator {
  return addRule({ kind: 'permission', permission, delegatedOnly, changesState });
}

/** Allows every authenticated caller, also one without any permission. For what concerns only the caller. */
export function RequireSignIn(): MethodDecorator {
  return addRule({ kind: 'signed-in' });
}

/**
 * Allows users with a token for an API of Microsoft, which is exchanged for a token of ACS. A token for this
 * service does not suffice, and theirs opens no other route. The exchange must be enabled.
 */
export function RequireClientExchange(exchange: ClientExchange): MethodDecorator {
  return addRule({ kind: 'client-exchange', exchange });
}

/**
 * Allows everyone, without authentication.
 *
 * @param reason why the route needs no protection; shown in the list of routes
 */
export function Public(reason: string): MethodDecorator {
  return addRule({ kind: 'public', reason });
}

/** The rules that a route declares. A route that may be served declares exactly one. */
export function accessRulesOf(handler: object): readonly AccessRule[] {
  const rules: unknown = Reflect.getOwnMetadata(ACCESS_RULES, handler);
  return Array.isArray(rules) ? (rules as AccessRule[]) : []; // only `addRule` writes them
}

function addRule(rule: AccessRule): MethodDecorator {
  return (_target, _name, descriptor) => {
    const handler: unknown = descriptor.value;
    if (typeof handler !== 'function') throw new Error('access rules are declared on methods');
    Reflect.defineMetadata(ACCESS_RULES, [...accessRulesOf(handler), rule], handler);
  };
}
