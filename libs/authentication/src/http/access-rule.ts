import 'reflect-metadata';
import type { Permission } from '../access/permission.js';

/** Who may call a route. */
export type AccessRule =
  | { readonly kind: 'public'; readonly reason: string }
  | {
      readonly kind: 'permission';
      readonly permission: Permission;
      readonly delegatedOnly: boolean;
    };

const ACCESS = Symbol('access rules of a route');

/**
 * Opens a route to callers that hold a permission.
 *
 * @param delegatedOnly whether a signed-in user must be behind the call; an application by itself
 *   is refused then, whatever it holds
 */
export function RequirePermission(
  permission: Permission,
  { delegatedOnly = false }: { delegatedOnly?: boolean } = {},
): MethodDecorator {
  return declare({ kind: 'permission', permission, delegatedOnly });
}

/**
 * Opens a route to everyone.
 *
 * @param reason why nothing behind it needs protection; shown in the list of routes
 */
export function Public(reason: string): MethodDecorator {
  return declare({ kind: 'public', reason });
}

/** The rules that a route declares: one when it is declared well. */
export function accessRulesOf(handler: object): readonly AccessRule[] {
  const rules: unknown = Reflect.getOwnMetadata(ACCESS, handler);
  return Array.isArray(rules) ? (rules as AccessRule[]) : []; // written by `declare` alone
}

function declare(rule: AccessRule): MethodDecorator {
  return (_target, _name, descriptor) => {
    const handler: unknown = descriptor.value;
    if (typeof handler !== 'function') throw new Error('access rules are declared on methods');
    Reflect.defineMetadata(ACCESS, [...accessRulesOf(handler), rule], handler);
  };
}
