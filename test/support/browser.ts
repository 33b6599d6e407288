import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import type { Emulator } from '../../apps/emulator/src/index.js';
import { repositoryRoot } from './root.js';

/** Servers with certificates of their own CA. All addresses of an emulator have one certificate. */
type TrustedServer = Pick<Emulator, 'entraUrl' | 'caPem'>;

/** Shorter than the timeout of a spec, so that its error names the step. */
const STEP_TIMEOUT_MS = 20_000;

/**
 * Starts Chromium before the specs of a file and stops it after them. On Linux with x64 it needs nothing of
 * the machine; elsewhere it is the Chrome that is installed.
 *
 * It protects people as any browser does: of the flags that @sparticuz/chromium recommends, none is used,
 * because they switch the same-origin policy off.
 *
 * @param emulator whose certificate it trusts; called when the browser starts. Default: it trusts as any browser
 * @returns a function that opens a page in a profile of its own, to be called inside specs
 */
export function runningBrowser(
  emulator?: () => TrustedServer,
): (options?: BrowserContextOptions) => Promise<Page> {
  let home: string | undefined;
  let browser: Browser | undefined;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'acs-identity-browser-'));
    const args = emulator
      ? [`--ignore-certificate-errors-spki-list=${await keyHashOf(emulator())}`]
      : [];
    browser = await launchBrowser(home, args);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  });
  return async (options) => {
    if (!browser) throw new Error('the browser has not been started');
    const context = await browser.newContext(options);
    context.setDefaultTimeout(STEP_TIMEOUT_MS);
    return context.newPage();
  };
}

/** @param home an empty folder, for the time that it runs */
export async function launchBrowser(home: string, args: string[] = []): Promise<Browser> {
  // The package has the program of this platform only.
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return chromium.launch({ channel: 'chrome', args });
  const folder = await unpackedChromium();
  // The package's own file expects its fonts in /tmp. Without fonts every text is invisible.
  const fonts = `<fontconfig><dir>${folder}/fonts</dir><cachedir>${home}/fonts</cachedir></fontconfig>`;
  await writeFile(join(home, 'fonts.conf'), fonts);
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    // A container has no privileges for it; the pages are ours.
    chromiumSandbox: false,
    args,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      TMPDIR: home,
      FONTCONFIG_FILE: join(home, 'fonts.conf'),
    },
  });
}

/**
 * The folder with the program, unpacked once for each version of the package, which looks for it in the
 * temporary folder and takes any program of that name.
 */
async function unpackedChromium(): Promise<string> {
  const manifest = `${repositoryRoot}node_modules/@sparticuz/chromium/package.json`;
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const cache = `${repositoryRoot}node_modules/.cache`;
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const unpacked = await mkdtemp(`${folder}-`);
  const script = "import('@sparticuz/chromium').then(async (c) => c.default.executablePath())";
  await promisify(execFile)(process.execPath, ['--eval', script], {
    cwd: repositoryRoot,
    env: { ...process.env, TMPDIR: unpacked },
  });
  // Another user may run the tests next.
  await Promise.all([unpacked, join(unpacked, 'chromium')].map(async (path) => chmod(path, 0o755)));
  try {
    await rename(unpacked, folder);
  } catch {
    // Another worker was faster.
    await rm(unpacked, { recursive: true, force: true });
  }
  return folder;
}

/** The hash of the public key of a TLS server, by which the browser trusts it and no other. */
async function keyHashOf({ entraUrl, caPem }: TrustedServer): Promise<string> {
  const { hostname, port } = new URL(entraUrl);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect({ host: hostname, port: Number(port), ca: caPem }, () => {
    resolve(socket.getPeerCertificate().raw);
    socket.end();
  });
  socket.on('error', reject);
  const key = new X509Certificate(await promise).publicKey;
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}
