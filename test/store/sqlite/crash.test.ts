import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { openStoreReader, openStoreWriter } from '../../../src/store/sqlite/open.ts';
import { clock, rejection, scope } from '../../contract/store/fixture.ts';
import { type Child, makeFolder, startChild } from './place.ts';

describe('a store whose writer is killed', () => {
  let place: ReturnType<typeof makeFolder>;
  let child: Child | undefined;
  beforeEach(() => {
    place = makeFolder();
    child = undefined;
  });
  afterEach(async () => {
    await child?.kill();
    place.remove();
  });

  it('is refused to a second writer while the first lives, and free as soon as it is dead', async () => {
    child = startChild(place.file);
    await child.lines.next();
    const refused = await rejection(openStoreWriter(place.file, clock));
    expect(refused.kind).to.equal('locked');
    expect(refused.message).to.include(place.file);
    await child.kill();
    await (await openStoreWriter(place.file, clock)).close();
  });

  it('lets readers see each change of another process at once', async () => {
    child = startChild(place.file);
    await child.lines.next();
    const reader = await openStoreReader(place.file);
    for (let round = 0; round < 20; round += 1) {
      const { value: keyId } = await child.lines.next();
      expect(await reader.findKey(scope, keyId)).to.include({ state: 'Enabled' });
      expect(await reader.findAlias(scope, `alias/${keyId}`)).to.include({ targetKeyId: keyId });
    }
    await reader.close();
  });

  it('has every change that was acknowledged, each with its record, and is whole', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      child = startChild(place.file);
      await child.lines.next();
      const until = acknowledged.length + Math.random() * 60;
      while (acknowledged.length < until) acknowledged.push((await child.lines.next()).value);
      await child.kill();
      for (let line = await child.lines.next(); !line.done; line = await child.lines.next()) {
        acknowledged.push(line.value);
      }
      const writer = await openStoreWriter(place.file, clock);
      const reader = await openStoreReader(place.file);
      for (const keyId of acknowledged) {
        expect(await reader.findKey(scope, keyId)).to.include({ state: 'Enabled' });
        expect(await reader.findAlias(scope, `alias/${keyId}`)).to.include({ targetKeyId: keyId });
      }
      const pending = await writer.pendingRecords(100_000);
      const recorded = (name: string) =>
        pending.filter(({ record }) => record.eventName === name).map(({ record }) => record.requestID);
      const unfinished = await writer.unfinishedCreations();
      const { items: keyIds } = await reader.listKeyIds(scope, undefined, 100_000);
      const { items: aliases } = await reader.listAliases(scope, undefined, undefined, 100_000);
      expect(recorded('CreateKey').sort()).to.deep.equal(keyIds);
      expect(recorded('CreateAlias').sort()).to.deep.equal(aliases.map((alias) => alias.targetKeyId));
      expect(await writer.changeSequence()).to.equal(2 * keyIds.length + unfinished.length + aliases.length);
      await reader.close();
      await writer.close();
    }
    const database = new DatabaseSync(place.file, { readOnly: true });
    expect(database.prepare('pragma integrity_check').get()).to.include({ integrity_check: 'ok' });
    expect(database.prepare('pragma foreign_key_check').all()).to.deep.equal([]);
    database.close();
  });
});
