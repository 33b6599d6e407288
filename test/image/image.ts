import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { z } from 'zod';

const running = z.object({
  /** Of buildah. */
  container: z.string(),
  /** Where the file system of the container is mounted. */
  root: z.string(),
  options: z.array(z.string()),
});
const inspected = z.object({
  OCIv1: z.object({
    config: z.object({
      User: z.string(),
      Env: z.array(z.string()),
      Entrypoint: z.array(z.string()),
      Cmd: z.array(z.string()),
      WorkingDir: z.string(),
      StopSignal: z.string(),
    }),
  }),
});

export type ImageConfig = z.infer<typeof inspected>['OCIv1']['config'];

export interface ImageProcess {
  /** Address without a path. */
  readonly url: string;
  /** Its process id on this machine. */
  readonly pid: number;
  readonly ended: Promise<number | null>;
}

/** The image that scripts/test-image.mjs has built, as a container that does not run. */
export class Image {
  readonly root: string;
  readonly #container: string;
  readonly #options: readonly string[];

  constructor() {
    const { container, root, options } = running.parse(JSON.parse(process.env.TEST_IMAGE ?? ''));
    this.root = root;
    this.#container = container;
    this.#options = options;
  }

  async config(): Promise<ImageConfig> {
    const { stdout } = await this.#buildah('inspect', this.#container);
    return inspected.parse(JSON.parse(stdout)).OCIv1.config;
  }

  /** Runs a command to its end as buildah does: `RUN`, with the user and the variables of the image. */
  async run(
    command: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number; output: string }> {
    const variables = Object.entries(environment).flatMap(([name, value]) => [
      '--env',
      `${name}=${value}`,
    ]);
    const run = ['run', '--isolation', 'chroot', ...variables, this.#container, '--', ...command];
    try {
      const { stdout, stderr } = await this.#buildah(...run);
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }; // of execFile
      return { code, output: stdout + stderr };
    }
  }

  /**
   * Starts the service as process 1 with a root file system that is mounted read-only, and waits until it listens.
   *
   * @param scratch folder that takes the place of /tmp
   */
  async start(
    environment: Readonly<Record<string, string | undefined>>,
    scratch: string,
    onLine: (line: string) => void,
  ): Promise<ImageProcess> {
    const { Entrypoint, Cmd, Env, User, WorkingDir } = await this.config();
    // What a runtime adds.
    await mkdir(join(this.root, 'proc'), { recursive: true });
    await writeFile(join(this.root, 'etc/hosts'), '127.0.0.1 localhost\n');
    const [program = '', ...entry] = Entrypoint;
    const script = `set -eu; root=$1; scratch=$2; user=$3; shift 3
      mount --bind "$root" "$root"
      mount --bind "$scratch" "$root/tmp"
      mount -t proc proc "$root/proc"
      mount -o remount,bind,ro "$root"
      exec chroot --userspec="$user" "$root" "$@"`;
    const words = [
      `/usr/local/bin/${program}`,
      ...entry,
      ...Cmd.map((word) => join(WorkingDir, word)),
    ];
    const child = spawn(
      'unshare',
      ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script, 'sh']
        .concat([this.root, scratch, User])
        .concat(words),
      {
        env: {
          ...Object.fromEntries(Env.map((variable) => variable.split(/=(.*)/s, 2))),
          ...environment,
          PATH: process.env.PATH,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const ended = once(child, 'exit').then(([code]) => code as number | null);
    createInterface({ input: child.stderr }).on('line', onLine);
    const port = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        onLine(line);
        const [, found] =
          /"listening".*:(\d+)"|:(\d+)".*"listening"/.exec(line)?.filter(Boolean) ?? [];
        if (found !== undefined) resolve(found);
      });
      void ended.then((code) => {
        reject(new Error(`the service did not start: ${code}`));
      });
    });
    const children = `/proc/${child.pid}/task/${child.pid}/children`;
    const { stdout } = await promisify(execFile)('cat', [children]);
    return { url: `http://127.0.0.1:${port}`, pid: Number(stdout.trim()), ended };
  }

  async #buildah(...words: string[]): Promise<{ stdout: string; stderr: string }> {
    return promisify(execFile)('buildah', [...this.#options, ...words]);
  }
}
