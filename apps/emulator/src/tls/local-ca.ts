import 'reflect-metadata';
import { createPrivateKey, randomUUID, webcrypto } from 'node:crypto';
import { rmSync } from 'node:fs';
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
import type { StateFolder } from '../state-folder.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 60 * 60 * 1000;
const CA_LIFETIME_MS = 3650 * DAY_MS;
const RENEW_BEFORE_MS = 30 * DAY_MS;
const CA_FILE = 'ca.pem';
const CA_WITH_KEY_FILE = 'ca-with-key.pem';

/** The key and certificate of a TLS server, and the CA that its clients must trust. */
export interface ServerIdentity {
  readonly key: string;
  readonly certificate: string;
  readonly caPem: string;
  readonly caFile: string;
}

/**
 * Issues a server certificate, signed by the CA of the folder.
 *
 * The CA is created on first use and stored; concurrent processes in one folder get the same CA. It is
 * replaced 30 days before it expires.
 *
 * @param names host names and addresses in addition to localhost, 127.0.0.1 and ::1.
 */
export async function serverIdentity(
  folder: StateFolder,
  names: readonly string[],
): Promise<ServerIdentity> {
  const authority = await loadOrCreateAuthority(folder);
  const caPem = authority.certificate.toString('pem');
  folder.write(CA_FILE, caPem);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=Local Azure emulator',
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.signingKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(Math.min(now + 365 * DAY_MS, authority.certificate.notAfter.getTime())),
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
    caFile: folder.file(CA_FILE),
  };
}

interface Authority {
  readonly certificate: X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

async function loadOrCreateAuthority(folder: StateFolder): Promise<Authority> {
  const stored = await readAuthority(folder);
  if (
    stored !== undefined &&
    stored.certificate.notAfter.getTime() > Date.now() + RENEW_BEFORE_MS
  ) {
    return stored;
  }
  if (stored !== undefined) rmSync(folder.file(CA_WITH_KEY_FILE), { force: true });
  folder.writeUnlessPresent(CA_WITH_KEY_FILE, await createAuthority());
  const authority = await readAuthority(folder);
  if (authority === undefined) throw new Error(`the CA was deleted from ${folder.path}`);
  return authority;
}

async function readAuthority(folder: StateFolder): Promise<Authority | undefined> {
  const text = folder.read(CA_WITH_KEY_FILE);
  if (text === undefined) return undefined;
  const der = createPrivateKey(text).export({ type: 'pkcs8', format: 'der' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
  return {
    certificate: new X509Certificate(text.slice(text.indexOf('-----BEGIN CERTIFICATE-----'))),
    signingKey,
  };
}

async function createAuthority(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=Local Azure emulator CA ${randomUUID().slice(0, 8)} (not for production)`,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + CA_LIFETIME_MS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${await privateKeyPem(keys.privateKey)}\n${certificate.toString('pem')}\n`;
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, type: 'pkcs8', format: 'der' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}
