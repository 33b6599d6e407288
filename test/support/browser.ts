import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { Emulator } from '../../apps/emulator/src/index.js';
import { hasPackagedChromium, unpackedChromium } from './chromium.js';

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
 * @returns a function that opens a page in a profile of its own until the spec has ended, to be called inside specs
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
    // A page that stays open works on: timers, live lists, frames.
    onTestFinished(async () => context.close());
    context.setDefaultTimeout(STEP_TIMEOUT_MS);
    return context.newPage();
  };
}

/** @param home an empty folder, for the time that it runs */
export async function launchBrowser(home: string, args: string[] = []): Promise<Browser> {
  if (!hasPackagedChromium) return chromium.launch({ channel: 'chrome', args });
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
