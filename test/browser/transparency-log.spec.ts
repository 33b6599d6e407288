import { brotliCompressSync } from 'node:zlib';
import { build, type OutputChunk } from 'rolldown';
import { describe, expect, it } from 'vitest';
import {
  formatProofFile,
  NoteSigner,
  parseProofFile,
  signCheckpoint,
  TreeReader,
} from '#libs/transparency-log';
import { MemoryLog, sampleEntries, VECTOR_CHECKS } from '#libs/transparency-log/testing';
import { runningBrowser } from '../support/browser.js';
import { repositoryRoot } from '../support/root.js';
import { runningWebServer } from '../support/web-server.js';

const SOURCES = `${repositoryRoot}libs/transparency-log/src`;
/** What the page of the auditors can afford for it. */
const MAX_COMPRESSED_BYTES = 23_000;

/** As a page loads it: minified, so that classes have no readable names. */
async function bundled(file: string): Promise<string> {
  const { output } = await build({
    input: `${SOURCES}/${file}`,
    platform: 'browser',
    resolve: { conditionNames: ['browser', 'acs-identity-source', 'import', 'default'] },
    write: false,
    output: { format: 'esm', minify: true, codeSplitting: false },
  });
  return (output[0] satisfies OutputChunk).code;
}

const [library, checks] = await Promise.all([
  bundled('index.ts'),
  bundled('testing/vector-checks.ts'),
]);
const origin = runningWebServer({
  '/': () => ({ type: 'text/html', body: '<!doctype html><title>Proof</title>' }),
  '/library.js': () => ({ type: 'text/javascript', body: library }),
  '/checks.js': () => ({ type: 'text/javascript', body: checks }),
});
const openPage = runningBrowser();

/** Of a log with 600 entries: what a page is given to check entry 258, and the log when it had 300. */
async function story(): Promise<Readonly<Record<string, unknown>>> {
  const log = new MemoryLog();
  log.append(sampleEntries(600));
  const name = 'log.example/audit';
  const signer = new NoteSigner(name, Buffer.alloc(32, 1));
  const noteAt = async (size: number): Promise<string> => {
    const root = await new TreeReader(size, log.readTile).root();
    return signCheckpoint({ origin: name, size, root }, [signer]);
  };
  const proof = await new TreeReader(600, log.readTile).inclusionProof(258);
  const stranger = new NoteSigner(name, Buffer.alloc(32, 2));
  return {
    name,
    key: signer.verifier.toString(),
    strangersKey: stranger.verifier.toString(),
    file: formatProofFile({ index: 258, proof, checkpoint: await noteAt(600) }),
    entry: [...(log.entries[258] ?? [])],
    older: await noteAt(300),
    tiles: Object.fromEntries([...log.tiles].map(([address, hashes]) => [address, [...hashes]])),
  };
}

/** Runs in the page. Each answer is the code of the error that the library throws. */
const CHECK_IN_PAGE = `async (given) => {
  const log = await import('/library.js');
  const verifiers = [log.NoteVerifier.parse(given.key)];
  const trust = { origin: given.name, verifiers };
  const entry = Uint8Array.from(given.entry);
  const codeOf = async (check) => {
    try { await check(); return 'verified'; } catch (error) { return error.code ?? String(error); }
  };
  const { checkpoint } = log.verifyProofFile(given.file, entry, trust);
  const { proof, index, checkpoint: note } = log.parseProofFile(given.file);
  const older = log.openCheckpoint(given.older, trust).checkpoint;
  const readTile = ({ level, index }) => Uint8Array.from(given.tiles[level + '/' + index] ?? []);
  const forked = { ...older, root: log.hashLeaf(entry) };
  return {
    hasBuffer: typeof Buffer,
    proof: await codeOf(() => log.verifyProofFile(given.file, entry, trust)),
    editedEntry: await codeOf(() => log.verifyProofFile(given.file, entry.with(0, 0), trust)),
    cutProof: await codeOf(() => log.verifyProofFile(
      log.formatProofFile({ index, proof: proof.slice(1), checkpoint: note }), entry, trust)),
    editedCheckpoint: await codeOf(() => log.openCheckpoint(note.replace('600', '601'), trust)),
    otherKey: await codeOf(() => log.openCheckpoint(note, {
      ...trust, verifiers: [log.NoteVerifier.parse(given.strangersKey)] })),
    otherLog: await codeOf(() => log.openCheckpoint(note, { ...trust, origin: 'other.example' })),
    growth: await codeOf(() => log.verifyContinuation(older, checkpoint, readTile)),
    fork: await codeOf(() => log.verifyContinuation(forked, checkpoint, readTile)),
    rollback: await codeOf(() => log.verifyContinuation(checkpoint, older, readTile)),
  };
}`;

describe('transparency-log in a browser', () => {
  it('gives the results of the published vectors', async () => {
    const page = await openPage();
    await page.goto(origin());
    const failures = await page.evaluate(`import('/checks.js').then(async ({ VECTOR_CHECKS }) => {
      const failures = {};
      for (const [name, check] of Object.entries(VECTOR_CHECKS)) {
        try { await check(); failures[name] = 'passed'; } catch (error) { failures[name] = String(error); }
      }
      return failures;
    })`);
    expect(failures).toEqual(
      Object.fromEntries(Object.keys(VECTOR_CHECKS).map((name) => [name, 'passed'])),
    );
  });

  it('checks proofs, and says by a stable code what is wrong, although it is minified', async () => {
    const given = await story();
    expect(parseProofFile(String(given.file)).index).toBe(258);
    const page = await openPage();
    await page.goto(origin());
    expect(await page.evaluate(`(${CHECK_IN_PAGE})(${JSON.stringify(given)})`)).toEqual({
      hasBuffer: 'undefined',
      proof: 'verified',
      editedEntry: 'proof-mismatch',
      cutProof: 'proof-mismatch',
      editedCheckpoint: 'invalid-signature',
      otherKey: 'unverified-note',
      otherLog: 'origin-mismatch',
      growth: 'verified',
      fork: 'proof-mismatch',
      rollback: 'proof-mismatch',
    });
  });

  it('is small, and needs nothing of Node', () => {
    expect(brotliCompressSync(library).length).toBeLessThan(MAX_COMPRESSED_BYTES);
    expect(library).not.toMatch(/\bBuffer\b|node:|\brequire\(/);
  });
});
