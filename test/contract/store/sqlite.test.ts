import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStoreReader, openStoreWriter } from '../../../src/store/sqlite/open.ts';
import type { Place } from './fixture.ts';
import { storeContract } from './suite.ts';

async function makePlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-store-'));
  const file = join(folder, 'coffer.db');
  return {
    openWriter: (clock) => openStoreWriter(file, clock),
    openReader: () => openStoreReader(file),
    remove: () => rm(folder, { recursive: true }),
  };
}

storeContract('SQLite', makePlace);
