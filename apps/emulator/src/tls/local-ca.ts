import 'reflect-metadata';
import { createPrivateKey, randomUUID, webcrypto } from 'node:crypto';
import { chmodSync, linkSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { isErrorCode, type StateFolder } from '../state-folder.js';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 60 * 60 * 1000;
const caLifetimeMs = 3650 * dayMs;
const renewBeforeMs = 30 * dayMs;
const caFileName = 'ca.pem';
const authorityFileName = 'ca-with-key.pem';

/** What a TLS server needs, and what its clients must trust. */
export interface ServerIdentity {
  readonly key: string;
  readonly certificate: string;
  readonly caPem: string;
  readonly caFile: string;
}

/**
 * Makes a certificate for a server of this machine, signed by the folder's own CA.
 *
 * The CA is made on first use and kept; of several processes that start at once in one folder,
 * all end up with the same CA. It is replaced when it has less than 30 days left. Files are
 * readable by their owner alone.
 *
 * @param names host names and addresses beside localhost, 127.0.0.1 and ::1.
 */
export async function serverIdentity(
  folder: StateFolder,
  names: readonly string[],
): Promise<ServerIdentity> {
  const authority = await loadOrCreateAuthority(folder);
  const caPem = authority.certificate.toString('pem');
  folder.write(caFileName, caPem);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=Local Azure emulator',
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.signingKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - dayMs),
    notAfter: new Date(Math.min(now + 365 * dayMs, authority.certificate.notAfter.getTime())),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        [...new Set(['localhost', '127.0.0.1', '::1', ...names])].map((name) => ({
          type: isIP(name) === 0 ? 'dns' : 'ip',
          value: name,
        })),
      ),
    ],
  });
  return {
    key: await privateKeyPem(keys.privateKey),
    certificate: certificate.toString('pem'),
    caPem,
    caFile: folder.file(caFileName),
  };
}

interface Authority {
  readonly certificate: X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

async function loadOrCreateAuthority(folder: StateFolder): Promise<Authority> {
  const stored = await readAuthority(folder);
  if (stored !== undefined && stored.certificate.notAfter.getTime() > Date.now() + renewBeforeMs) {
    return stored;
  }
  if (stored !== undefined) rmSync(folder.file(authorityFileName), { force: true });
  storeUnlessPresent(folder, await createAuthority());
  const winner = await readAuthority(folder);
  if (winner === undefined) throw new Error(`the CA vanished from ${folder.path}`);
  return winner;
}

async function readAuthority(folder: StateFolder): Promise<Authority | undefined> {
  const text = folder.read(authorityFileName);
  if (text === undefined) return undefined;
  const der = createPrivateKey(text).export({ type: 'pkcs8', format: 'der' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
  return {
    certificate: new X509Certificate(text.slice(text.indexOf('-----BEGIN CERTIFICATE-----'))),
    signingKey,
  };
}

async function createAuthority(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=Local Azure emulator CA ${randomUUID().slice(0, 8)} (not for production)`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + caLifetimeMs),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${await privateKeyPem(keys.privateKey)}\n${certificate.toString('pem')}\n`;
}

/** A hard link fails when the name is taken: the first of several processes wins. */
function storeUnlessPresent(folder: StateFolder, pem: string): void {
  const draft = folder.file(`.${randomUUID()}.draft`);
  writeFileSync(draft, pem, { mode: 0o600 });
  chmodSync(draft, 0o600);
  try {
    linkSync(draft, folder.file(authorityFileName));
  } catch (error) {
    if (!isErrorCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, type: 'pkcs8', format: 'der' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}
