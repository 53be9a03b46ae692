import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openStoreReader, openStoreWriter } from '../../../src/store/sqlite/open.ts';
import type { StoreReader, StoreWriter } from '../../../src/store/store.ts';
import { addKey, clock, newRecord, rejection, scope } from '../../contract/store/fixture.ts';
import { makeFolder } from './place.ts';

describe('a store on a full disk', () => {
  let place: ReturnType<typeof makeFolder>;
  let filler: string;
  let writer: StoreWriter;
  let reader: StoreReader;

  before(async function () {
    place = makeFolder();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', place.folder], {
        stdio: 'pipe',
      });
    } catch {
      place.remove();
      console.log('      (skipped: a small disk can be mounted only by root)');
      this.skip();
    }
    filler = join(place.folder, 'filler');
    writer = await openStoreWriter(place.file, clock);
    reader = await openStoreReader(place.file);
    await writer.createAccount(scope.account, 'main');
  });

  after(async () => {
    if (writer === undefined) return;
    await reader.close();
    await writer.close();
    execFileSync('umount', [place.folder]);
    place.remove();
  });

  /** Takes all the space there is, but for so many pages of 4 KiB. */
  function fillBut(pages: number): void {
    const { bavail, bsize } = statfsSync(place.folder);
    const descriptor = openSync(filler, 'w');
    writeSync(descriptor, Buffer.alloc(Math.max(0, bavail - pages) * bsize));
    closeSync(descriptor);
  }

  it('refuses a change wherever in it the space runs out, has changed nothing, and works when there is space', async () => {
    const { keyId } = await addKey(writer);
    let refused = 0;
    let described = 'for a test';
    for (let pages = 0; pages < 12; pages += 1) {
      const records = (await writer.pendingRecords(1_000)).length;
      const sequence = await writer.changeSequence();
      const description = `${pages}`.repeat(4_000);
      const change = { ...scope, type: 'key-description', keyId, from: ['Enabled'], description } as const;
      fillBut(pages);
      const fits = await writer.apply(change, newRecord('UpdateKeyDescription')).then(
        () => true,
        () => false,
      );
      if (!fits) {
        refused += 1;
        const again = await rejection(writer.apply(change, newRecord('UpdateKeyDescription')));
        expect(again.kind).to.be.oneOf(['full', 'io']);
        expect(await reader.findKey(scope, keyId)).to.include({ description: described });
        expect(await writer.pendingRecords(1_000)).to.have.length(records);
        expect(await reader.changeSequence()).to.equal(sequence);
        rmSync(filler);
        expect((await writer.apply(change, newRecord('UpdateKeyDescription'))).outcome.type).to.equal('done');
      }
      rmSync(filler, { force: true });
      described = description;
      expect(await reader.findKey(scope, keyId)).to.include({ description });
      expect(await writer.pendingRecords(1_000)).to.have.length(records + 1);
      expect(await reader.changeSequence()).to.equal(sequence + 1);
    }
    expect(refused).to.be.within(2, 11);
  });

  it('is as it was acknowledged when it is opened again', async () => {
    const records = await writer.pendingRecords(1_000);
    const sequence = await writer.changeSequence();
    await reader.close();
    await writer.close();
    writer = await openStoreWriter(place.file, clock);
    reader = await openStoreReader(place.file);
    expect(await writer.pendingRecords(1_000)).to.deep.equal(records);
    expect(await reader.changeSequence()).to.equal(sequence);
  });
});
