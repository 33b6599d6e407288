import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TYPESCRIPT = join(ROOT, 'node_modules/typescript/bin/tsc');

/** Folders of the packages in this repository that are packed and installed. */
const FOLDERS = ['libs/transparency-log', 'libs/client', 'apps/emulator'];

/** What the consumer needs beside the packages under test. */
const CONSUMER_DEPENDENCIES = [
  '@azure/communication-common',
  '@azure/communication-identity',
  '@types/node',
  '@types/react',
  'react',
];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** An empty project with the packed packages installed, in a temporary folder. */
export class InstalledPackages implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  /**
   * Packs and installs with npm, without a network: the dependencies of the packages are links into
   * the node_modules of this repository. npm still checks them against the declared ranges, and
   * dependencies that are not declared are missing.
   */
  static async create(): Promise<InstalledPackages> {
    const project = new InstalledPackages(await mkdtemp(join(tmpdir(), 'packages-')));
    await Promise.all(
      FOLDERS.map(async (folder) =>
        npm(['pack', '--workspace', folder, '--pack-destination', project.folder], ROOT),
      ),
    );
    const dependencies: Record<string, string> = {};
    const link = (name: string): void => {
      dependencies[name] = `file:${join(ROOT, 'node_modules', name)}`;
    };
    for (const folder of FOLDERS) {
      const manifest = await readManifest(join(ROOT, folder));
      const { name, version } = manifest;
      const tarball = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
      dependencies[name] = `file:${join(project.folder, tarball)}`;
      for (const dependency of Object.keys(manifest.dependencies ?? {})) link(dependency);
    }
    for (const dependency of CONSUMER_DEPENDENCIES) link(dependency);
    await project.write('package.json', JSON.stringify({ type: 'module', dependencies }));
    const cache = join(project.folder, 'npm-cache');
    await npm(['install', '--offline', '--ignore-scripts', '--cache', cache], project.folder);
    return project;
  }

  async write(path: string, text: string): Promise<void> {
    await writeFile(join(this.folder, path), text);
  }

  async read(path: string): Promise<string> {
    return readFile(join(this.folder, path), 'utf8');
  }

  /** Checks the types of all TypeScript files, as a strict project does. */
  async typeCheck(): Promise<string> {
    const compilerOptions = {
      target: 'es2024',
      module: 'nodenext',
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: true,
      noEmit: true,
    };
    await this.write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    return this.node([TYPESCRIPT, '--project', 'tsconfig.json']);
  }

  /** Checks a file and the declarations that it uses, as a project for ES2020 does that skips none. */
  async typeCheckForEs2020(file: string): Promise<string> {
    const compilerOptions = {
      target: 'es2020',
      lib: ['es2020', 'dom'],
      module: 'esnext',
      moduleResolution: 'bundler',
      types: [],
      strict: true,
      skipLibCheck: false,
      noEmit: true,
    };
    await this.write('tsconfig.es2020.json', JSON.stringify({ compilerOptions, files: [file] }));
    return this.node([TYPESCRIPT, '--project', 'tsconfig.es2020.json']);
  }

  /** @returns the standard output of a program that ends with 0. */
  async node(args: readonly string[]): Promise<string> {
    return run(process.execPath, args, this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    for (const folder of FOLDERS) {
      await rm(join(ROOT, folder, 'dist'), { recursive: true, force: true });
    }
  }
}

/** The paths in the package of the service, packed from what is built now. */
export async function packedService(): Promise<string[]> {
  const output = await npm(['pack', '--dry-run', '--ignore-scripts', '--json'], ROOT);
  const packages = Object.values(
    JSON.parse(output) as Record<string, { files: { path: string }[] }>,
  );
  return packages.flatMap(({ files }) => files.map(({ path }) => path));
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
}

async function npm(args: readonly string[], cwd: string): Promise<string> {
  return run('npm', [...args, '--no-audit', '--no-fund'], cwd);
}

async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  // npm passes its settings on to what its scripts start, and they would apply to the consumer too.
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  const options = { cwd, env: Object.fromEntries(inherited), timeout: 150_000 };
  return new Promise((resolve, reject) => {
    execFile(program, args, options, (cause, stdout, stderr) => {
      if (cause === null) resolve(stdout);
      else reject(new Error(`${cause.message}\n${stdout}\n${stderr}`, { cause }));
    });
  });
}
