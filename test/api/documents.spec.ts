import { glob, readdir, readFile } from 'node:fs/promises';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { generatedDocuments } from '../../scripts/generated-documents.js';
import { repositoryRoot } from '../support/root.js';

/** Sources of the HTTP service. Errors of the transparency log never reach a caller. */
async function sources(): Promise<string[]> {
  const texts: string[] = [];
  for await (const file of glob('{apps,libs}/*/src/**/*.ts', { cwd: repositoryRoot })) {
    if (/\.(spec|contract)\.ts$|^libs\/(transparency-log|client)\//.test(file)) continue;
    texts.push(await readFile(`${repositoryRoot}${file}`, 'utf8'));
  }
  return texts;
}

describe('the generated documents', () => {
  it('match the code; run `npm run documents` when they do not', async () => {
    const read = async (path: string) => readFile(`${repositoryRoot}${path}`, 'utf8');
    for (const [path, text] of Object.entries(await generatedDocuments(read))) {
      expect(await read(path), path).toBe(text);
    }
  });
});

describe('docs/openapi.json', () => {
  it('is a valid OpenAPI document', async () => {
    const result = await new Validator().validate(`${repositoryRoot}docs/openapi.json`);
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
  });

  it('has one schema for each component id', async () => {
    const ids = (await sources()).flatMap((text) =>
      [...text.matchAll(/\.meta\(\{\s*id: '(\w+)'/g)].map(([, id]) => id),
    );
    expect(ids.length).toBeGreaterThan(20);
    // Of two schemas with one id, the document would hold one for both.
    expect(ids.filter((id, nth) => ids.indexOf(id) !== nth)).toEqual([]);
  });
});

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly schema: object }[];
  readonly description: string;
  readonly tags: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}

interface OpenApiDocument {
  readonly servers: readonly unknown[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<
      Record<string, { readonly properties?: Readonly<Record<string, object>> }>
    >;
  };
}

describe('the operations of docs/openapi.json', async () => {
  const document = JSON.parse(
    await readFile(`${repositoryRoot}docs/openapi.json`, 'utf8'),
  ) as OpenApiDocument;
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.values(item).map((operation) => ({ path, ...operation })),
  );

  it('state the permission that they require, or that they need none', () => {
    const stated = operations.map(
      ({ description }) => /`(VoIP|\w+(?:\.\w+)+)`/.exec(description)?.[1],
    );
    const required = operations.map(({ security }) => Object.values(security?.[0] ?? {}).flat()[0]);
    expect(required).toEqual(stated);
    const open = operations.filter(({ security }) => security?.length === 0);
    expect(open.map(({ path }) => path)).toEqual([
      ...['/health/live', '/health/ready', '/v1/visitors/tokens'],
    ]);
  });

  it('have names that stay different in every language', () => {
    const names = operations.map(({ operationId }) => operationId.replace('.', '').toLowerCase());
    expect(new Set(names).size).toBe(operations.length);
  });

  it('have parameters that generators of clients name otherwise than members of schemas', () => {
    const nameOf = (...parts: readonly string[]): string =>
      parts.join('').replaceAll(/\W/g, '').toLowerCase();
    const needsName = (schema: object): boolean => /"enum"|"object"/.test(JSON.stringify(schema));
    // Both have no name of their own: generators put that of the operation or the schema before them.
    const parameters = operations.flatMap(({ operationId, parameters: of = [] }) =>
      of.filter(({ schema }) => needsName(schema)).map(({ name }) => nameOf(operationId, name)),
    );
    const members = Object.entries(document.components.schemas).flatMap(
      ([schema, { properties = {} }]) =>
        Object.entries(properties)
          .filter(([, member]) => needsName(member))
          .map(([name]) => nameOf(schema, name)),
    );
    expect(parameters.filter((name) => members.includes(name))).toEqual([]);
  });

  it('have tags with descriptions', () => {
    const used = new Set(operations.flatMap(({ tags }) => tags));
    expect([...used].sort()).toEqual(document.tags.map(({ name }) => name).sort());
  });
});

describe('docs/problems', () => {
  it('has one page for each problem type, and no other page', async () => {
    const declarations = /(?:override readonly code(?:: \w+)? = |\bproblem\(\s*)'([a-z-]+)'/g;
    const codes = new Set<string>();
    for (const text of await sources()) {
      for (const [, code = ''] of text.matchAll(declarations)) codes.add(code);
    }
    const pages = (await readdir(`${repositoryRoot}docs/problems`))
      .filter((name) => name.endsWith('.md') && name !== 'README.md')
      .map((name) => name.slice(0, -'.md'.length));
    expect(pages.sort()).toEqual([...codes].sort());
  });
});
