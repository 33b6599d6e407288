/** What the expressions of an Azure Resource Manager template have when it is deployed. */
export interface ArmDeployment {
  readonly parameters: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
  /** Properties of resources that exist, by `type/name`. */
  readonly existing: Readonly<Record<string, object>>;
}

/**
 * Resolves every expression of a value, as a deployment does, with the functions that our templates use. Others
 * are refused. Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions
 */
export function resolveArm(value: unknown, deployment: ArmDeployment): unknown {
  if (typeof value === 'string') return resolved(value, deployment);
  if (Array.isArray(value)) return value.map((one) => resolveArm(one, deployment));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, resolveArm(member, deployment)]),
  );
}

/** A text in brackets is an expression; `[[` is a text that begins with a bracket. */
function resolved(text: string, deployment: ArmDeployment): unknown {
  if (text.startsWith('[[')) return text.slice(1);
  if (!text.startsWith('[') || !text.endsWith(']')) return text;
  const expression = new Expression(text.slice(1, -1), deployment);
  return expression.evaluate();
}

class Expression {
  #at = 0;

  constructor(
    private readonly text: string,
    private readonly deployment: ArmDeployment,
  ) {}

  evaluate(): unknown {
    const value = this.#term();
    if (this.#at < this.text.length) throw this.#fault('the end');
    return value;
  }

  /** A text, or the call of a function with members of what it returns. */
  #term(): unknown {
    const quoted = this.#next(/'((?:[^']|'')*)'/y);
    if (quoted !== undefined) return quoted.replaceAll("''", "'");
    const name = this.#next(/(\w+)\(/y);
    if (name === undefined) throw this.#fault('a text or a function');
    let value = this.#call(name, this.#list());
    for (
      let member = this.#next(/\.(\w+)/y);
      member !== undefined;
      member = this.#next(/\.(\w+)/y)
    ) {
      const members = Object.entries(value ?? {});
      const [, next] = members.find(([one]) => one === member) ?? [];
      if (next === undefined) throw new Error(`${name}() has no member ${member}`);
      value = next as unknown; // of `any`
    }
    return value;
  }

  #list(): unknown[] {
    const values: unknown[] = [];
    while (this.#next(/(\))/y) === undefined) {
      if (values.length > 0 && this.#next(/(,\s*)/y) === undefined) throw this.#fault('a comma');
      values.push(this.#term());
    }
    return values;
  }

  #call(name: string, values: readonly unknown[]): unknown {
    const [first = '', ...rest] = values.map(String);
    const { parameters, variables, existing } = this.deployment;
    switch (name) {
      case 'parameters':
        return known(parameters, first);
      case 'variables':
        return known(variables, first);
      case 'resourceGroup':
        return { location: 'westeurope' };
      case 'resourceId':
        return [first, ...rest].join('/');
      case 'extensionResourceId':
        return [first, 'providers', ...rest].join('/');
      case 'reference':
        return known(existing, first);
      case 'format':
        return first.replaceAll(/\{(\d+)\}/g, (_, nth) => {
          const value = rest[Number(nth)];
          if (value === undefined) throw new Error(`format() has no value ${String(nth)}`);
          return value;
        });
      default:
        throw new Error(`${name}() is not supported`);
    }
  }

  /** What the group of a pattern matches here. */
  #next(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (match) this.#at = pattern.lastIndex;
    return match?.[1];
  }

  #fault(wanted: string): Error {
    return new Error(`${wanted} is missing before "${this.text.slice(this.#at, this.#at + 40)}"`);
  }
}

function known<T>(values: Readonly<Record<string, T>>, name: string): T {
  const value = values[name];
  if (value === undefined) throw new Error(`${name} is not declared`);
  return value;
}
