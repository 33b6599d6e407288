import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { generatedDocuments } from './generated-documents.js';

/** `npm run documents`: writes the generated documents of `docs/`. */
const read = async (path: string): Promise<string> => readFile(fileOf(path), 'utf8');
for (const [path, text] of Object.entries(await generatedDocuments(read))) {
  await writeFile(fileOf(path), text);
}

function fileOf(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
