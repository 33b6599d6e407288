import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

/**
 * Verifies a C2SP tlog-proof file with Node's cryptography alone, by RFC 9162 section 2.1.3.2 and the
 * specifications signed-note and tlog-proof. It shares no code with libs/transparency-log.
 *
 * @param verifierKey `<name>+<key id>+<base64 of type and public key>`
 * @returns whether the log of this key contains an entry of exactly these bytes
 */
export function isProven(entry: string, proofFile: string, verifierKey: string): boolean {
  const blank = proofFile.indexOf('\n\n');
  const [header, indexLine = '', ...hashes] = proofFile.slice(0, blank).split('\n');
  if (header !== 'c2sp.org/tlog-proof@v1') return false;
  const note = proofFile.slice(blank + 2);
  if (!isSignedBy(note, verifierKey)) return false;
  const [origin, size = '', root] = note.split('\n');
  if (origin !== verifierKey.split('+')[0]) return false;
  const reached = rootFrom(
    sha256(Buffer.concat([Buffer.of(0), Buffer.from(entry)])),
    Number(indexLine.replace('index ', '')),
    Number(size),
    hashes.map((hash) => Buffer.from(hash, 'base64')),
  );
  return reached?.toString('base64') === root;
}

/**
 * Whether a checkpoint counts, as docs/audit-log.md describes it: one of the listed keys has signed it, a
 * retired one only up to the size in its line.
 *
 * @param keys lines as `GET /v1/audit/log/keys` gives them
 */
export function isSignedByListed(checkpoint: string, keys: string): boolean {
  const size = Number(checkpoint.split('\n')[1]);
  return keys
    .trim()
    .split('\n')
    .some((line) => {
      const [key = '', until] = line.split(' until ');
      return (until === undefined || size <= Number(until)) && isSignedBy(checkpoint, key);
    });
}

/** Whether a note is signed by the key. */
export function isSignedBy(note: string, verifierKey: string): boolean {
  return linesOf(note, verifierKey, 1).some(({ text, key, signature }) =>
    verify(null, Buffer.from(text), key, signature),
  );
}

/** Whether a witness has cosigned a checkpoint (C2SP tlog-cosignature, `cosignature/v1`). */
export function isCosignedBy(note: string, verifierKey: string): boolean {
  return linesOf(note, verifierKey, 4).some(({ text, key, signature }) => {
    const message = `cosignature/v1\ntime ${signature.readBigUInt64BE()}\n${text}`;
    return verify(null, Buffer.from(message), key, signature.subarray(8));
  });
}

/** The signatures of a note that name the key. */
function linesOf(
  note: string,
  verifierKey: string,
  type: number,
): { text: string; key: KeyObject; signature: Buffer }[] {
  const end = note.lastIndexOf('\n\n');
  const text = note.slice(0, end + 1);
  const [name = '', keyId = '', encoded = ''] = verifierKey.split(
    /\+(?=[0-9a-f]{8}\+)|(?<=\+[0-9a-f]{8})\+/,
  );
  const typed = Buffer.from(encoded, 'base64');
  const ownId = sha256(Buffer.concat([Buffer.from(`${name}\n`), typed])).toString('hex', 0, 4);
  if (ownId !== keyId || typed[0] !== type) return [];
  const key = createPublicKey({
    format: 'jwk',
    key: { kty: 'OKP', crv: 'Ed25519', x: typed.subarray(1).toString('base64url') },
  });
  return note
    .slice(end + 2)
    .split('\n')
    .flatMap((line) => {
      const [dash, signer, signature = ''] = line.split(' ');
      const bytes = Buffer.from(signature, 'base64');
      const isOfKey = dash === '\u2014' && signer === name && bytes.toString('hex', 0, 4) === keyId;
      return isOfKey ? [{ text, key, signature: bytes.subarray(4) }] : [];
    });
}

function rootFrom(
  leafHash: Buffer,
  index: number,
  size: number,
  path: readonly Buffer[],
): Buffer | undefined {
  if (index >= size) return undefined;
  let fn = BigInt(index);
  let sn = BigInt(size) - 1n;
  let hash = leafHash;
  for (const sibling of path) {
    if (sn === 0n) return undefined;
    if ((fn & 1n) === 1n || fn === sn) {
      hash = node(sibling, hash);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      hash = node(hash, sibling);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n ? hash : undefined;
}

function node(left: Buffer, right: Buffer): Buffer {
  return sha256(Buffer.concat([Buffer.of(1), left, right]));
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
